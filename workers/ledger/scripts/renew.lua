-- Who works on a deletion, a sweep or a bulk replay keeps it: 1, or 0 if it is no longer his. A lease
-- that is over is not renewed, so who was away finds it lost, taken over or not.
-- KEYS: *:*
-- ARGV: id, fence, now, lease length, kind of record, '1' if the asker keeps a time of his own
-- Answer: 1, or 0 if it is no longer his
local id, fence, now, length = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local kind, own = ARGV[5], ARGV[6]
local name = key(kind, id)
local work = load(name)
local leased = lease_clock(now, own)

if not held(work, leased) or work.fence ~= fence then
  return 0
end
-- A beat that was held up on its way takes nothing back.
local ends = math.max(tonumber(work.lease_until), leased + length)
redis.call('HSET', name, 'lease_until', ends)
redis.call('ZADD', due_of(kind), ends, id)
return 1
