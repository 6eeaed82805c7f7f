-- A deletion with everything that is told of it, as of one moment.
-- KEYS: callback:*, callbacks:of:*, deletion:*, history:*:*, journal:*
-- ARGV: id
-- Answer: {fields, journal lines, fields of each earlier generation, fields of each callback}
local id = ARGV[1]
local deletion = redis.call('HGETALL', key('deletion', id))
if #deletion == 0 then
  return unknown('deletion', id)
end
local generation = tonumber(redis.call('HGET', key('deletion', id), 'generation') or 1)

local earlier = {}
for number = 1, generation - 1 do
  earlier[number] = redis.call('HGETALL', key('history', id, number))
end
local callbacks = {}
local kept = received(id)
if kept then
  callbacks[1] = flat(kept)
end
for _, callback in ipairs(redis.call('ZRANGE', key('callbacks', 'of', id), 0, -1)) do
  callbacks[#callbacks + 1] = redis.call('HGETALL', key('callback', callback))
end
return {deletion, redis.call('LRANGE', key('journal', id), 0, -1), earlier, callbacks}
