-- A quarantined delivery was proved, or never will be. ARGV: delivery id, now, reason ('' if proved)
local id, now, reason = ARGV[1], ARGV[2], ARGV[3]
local delivery = load(key('delivery', id))
if not delivery.quarantined_as then
  return 0
end
if redis.call('HDEL', key('quarantine', delivery.source), delivery.quarantined_as) == 1 then
  redis.call('HINCRBY', key('quarantine', 'bytes'), delivery.source, -#delivery.body)
end
redis.call('ZREM', key('quarantine', 'due'), id)
if reason == '' then
  redis.call('HDEL', key('delivery', id), 'quarantined_as')
else
  redis.call('DEL', key('delivery', id))
  audit(now, 'delivery_dropped', {delivery_id = id, source = delivery.source, reason = reason})
end
return 1
