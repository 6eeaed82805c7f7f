-- A worker begins to verify a quarantined delivery. What was begun three times without an end may be what
-- ends its workers: it is tried once an hour, and people are told.
-- KEYS: delivery:*, quarantine:due
-- ARGV: id, now
-- Answer: 'taken', or 'gone' if it is no longer there
local id, now = ARGV[1], tonumber(ARGV[2])
local name = key('delivery', id)
local delivery = load(name)
if not delivery.quarantined_as then
  redis.call('ZREM', key('quarantine', 'due'), id)
  return 'gone'
end
local begun = redis.call('HINCRBY', name, 'begun', 1)
if begun > 3 then
  redis.call('ZADD', key('quarantine', 'due'), 'XX', now + 3600000, id)
end
if begun == 4 then
  notice(now, 'source_alert', {
    source = delivery.source, says = 'a delivery ended every worker that verified it', delivery_id = id,
  })
end
return 'taken'
