-- A packed deletion is about to begin anew: its fields and its journal are what they were.
-- KEYS: deletion:*, journal:*
-- ARGV: id, the first part of what was packed, count of fields, name and value of each, then the lines
--       of the journal
-- Answer: 1, or 0 if it was done before
local id, name, fields = ARGV[1], key('deletion', ARGV[1]), tonumber(ARGV[3])
-- The same call again, or somebody else's.
if redis.call('HGET', name, 'packed0') ~= ARGV[2] then
  return 0
end
-- What was written since then is newer.
for i = 4, 3 + 2 * fields, 2 do
  redis.call('HSETNX', name, ARGV[i], ARGV[i + 1])
end
for i = #ARGV, 4 + 2 * fields, -1 do
  redis.call('LPUSH', key('journal', id), ARGV[i])
end
-- All were named as the first one before the second form.
local part = 0
while redis.call('HDEL', name, part, 'packed' .. part) > 0 do
  part = part + 1
end
return 1
