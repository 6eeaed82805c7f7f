-- A bulk replay begins. Which records it is about is fixed now.
-- KEYS: replay:*, replay:*:items
-- ARGV: id, now, retention, fields (JSON), ids (JSON array)
-- Answer: 1, 0 if it was begun before, -1 if another one has this id
local id, now, retention = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local fields, items = cjson.decode(ARGV[4]), cjson.decode(ARGV[5])
local name = key('replay', id)

-- The same call again, or another one under the same name.
if redis.call('EXISTS', name) == 1 then
  return redis.call('HGET', name, 'asked') == fields.asked and 0 or -1
end
fields.state, fields.next, fields.total = 'running', 0, #items
-- Whoever orders it knows of no person's no that is said while it lasts.
fields.ordered_after = decisions()
open_work('replay', id, now, retention, fields)
for _, item in ipairs(items) do
  redis.call('RPUSH', key('replay', id, 'items'), item)
end
audit(now, 'replay', {
  replay_id = id, operator = fields.by, of = fields.what, filter = fields.filter, count = #items,
  rate = fields.rate,
})
if #items == 0 then
  finish_replay(id, 'finished', now, retention)
end
return 1
