-- The oldest entries of the log become one value, or the oldest one, if it is none of ours, moves as it is.
-- KEYS: audit:folded, audit:log
-- ARGV: their count, SHA-1 of them as they were read, id of the newest of them, what they are together
--       ('' to move one)
-- Answer: 1, or 0 if they are others by now
local entries = redis.call('XRANGE', key('audit', 'log'), '-', '+', 'COUNT', ARGV[1])
local ids, read = {}, {}
for place, entry in ipairs(entries) do
  ids[place] = entry[1]
  read[place] = entry[1] .. ' ' .. table.concat(entry[2], ' ')
end
if redis.sha1hex(table.concat(read, ' ')) ~= ARGV[2] then
  return 0
end
local values = ARGV[4] == '' and entries[1][2] or {'entries', ARGV[4]}
-- The folded log may hold what nobody of ours put there.
if type(redis.pcall('XADD', key('audit', 'folded'), ARGV[3], unpack(values))) == 'table' then
  return 0
end
redis.call('XDEL', key('audit', 'log'), unpack(ids))
return 1
