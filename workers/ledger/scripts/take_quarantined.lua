-- A worker begins to verify a quarantined delivery. What was begun three times without an end may be
-- what ends its workers: it is tried once an hour, and not for ever.
-- ARGV: id, now, how long the quarantine lasts
local id, now, lasts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local name = key('delivery', id)
local delivery = load(name)
if not delivery.quarantined_as then
  redis.call('ZREM', key('quarantine', 'due'), id)
  return 'gone'
end
if redis.call('HINCRBY', name, 'begun', 1) <= 3 then
  return 'taken'
end
if now < tonumber(delivery.received_at) + lasts then
  redis.call('ZADD', key('quarantine', 'due'), 'XX', now + 3600000, id)
  return 'taken'
end
leave_quarantine(id, now, 'killed_its_worker')
notice(now, 'source_alert', {
  source = delivery.source, says = 'a delivery ended every worker that verified it', delivery_id = id,
})
return 'gone'
