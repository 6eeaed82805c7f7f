-- A deletion that ended is kept in fewer bytes, with its journal, and so is the delivery that asked
-- for it; if nothing was written to them since they were read.
-- KEYS: deletion:*, delivery:*, journal:*, unpacked
-- ARGV: id, updated_at and journal length as they were read, delivery id ('' to leave it), its body as
--       it was read, its packed body and headers, count of names of packed fields, the names, then
--       names and values of what was packed
-- Answer: 1 if it need not be looked at again, or 0
local id, read_at, lines, names = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[7])
local name = key('deletion', id)
local deletion = load(name)
if not deletion.state or not TERMINAL[deletion.state] then
  redis.call('ZREM', key('unpacked'), id)
  return 1
end
if deletion.updated_at ~= read_at or redis.call('LLEN', key('journal', id)) ~= lines then
  return 0
end
for i = 8, 7 + names do
  deletion[ARGV[i]] = nil
end
for i = 8 + names, #ARGV, 2 do
  deletion[ARGV[i]] = ARGV[i + 1]
end
local line = {}
for field, value in pairs(deletion) do
  line[#line + 1] = field
  line[#line + 1] = value
end
-- Made anew: only then does the server keep its short fields in the short way.
redis.call('DEL', name, key('journal', id))
redis.call('HSET', name, unpack(line))
redis.call('ZREM', key('unpacked'), id)
local delivery = key('delivery', ARGV[4])
if ARGV[4] ~= '' and redis.call('HGET', delivery, 'body') == ARGV[5]
  and redis.call('HEXISTS', delivery, 'quarantined_as') == 0 then
  redis.call('HSET', delivery, 'packed', ARGV[6])
  redis.call('HDEL', delivery, 'body', 'headers')
end
return 1
