-- Entries join the chain and what they were made of leaves the waiting ones, or neither. Whoever made
-- them for another head than the present one lost a race, or asks for the second time.
-- KEYS: audit:head, audit:log, audit:pending
-- ARGV: head's seq and hash ('' for none), new head's seq, hash and key, newest number taken, count of
--       waiting ids, the ids, then seq and line of each entry
-- Answer: 1, or 0 if the chain has another head
if (redis.call('HGET', key('audit', 'head'), 'seq') or '') ~= ARGV[1]
  or (redis.call('HGET', key('audit', 'head'), 'hash') or '') ~= ARGV[2] then
  return 0
end
local waiting = tonumber(ARGV[7])
if waiting > 0 then
  redis.call('XDEL', key('audit', 'pending'), unpack(ARGV, 8, 7 + waiting))
end
for i = 8 + waiting, #ARGV, 2 do
  redis.call('XADD', key('audit', 'log'), ARGV[i] .. '-0', 'entry', ARGV[i + 1])
end
redis.call('HSET', key('audit', 'head'), 'seq', ARGV[3], 'hash', ARGV[4], 'key', ARGV[5], 'number', ARGV[6])
return 1
