-- Keep a delivery whose genuineness cannot be told now, within bounds: the sender is unproved.
-- KEYS: counts:verdicts:*, deliveries, delivery:*, quarantine:*, quarantine:bytes, quarantine:due
-- ARGV: now, due, delivery (JSON), body, content hash, most deliveries, most bytes
-- Answer: {'kept', id under which it is kept} or {'full'}
local now, due, delivery, body = tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3]), ARGV[4]
local hash, most, most_bytes = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local source = delivery.source
local name = key('quarantine', source)

local known = redis.call('HGET', name, hash)
if known then
  -- The opposite may have been said in between.
  redis.call('HSET', key('delivery', known), 'last_seen', now)
  redis.call('HINCRBY', key('delivery', known), 'repeats', 1)
  return {'kept', known}
end
local bytes = tonumber(redis.call('HGET', key('quarantine', 'bytes'), source) or 0)
if redis.call('HLEN', name) >= most or bytes + #body > most_bytes then
  -- What its sender gives up sending is known to nobody here.
  notice(now, 'unproved_event', {
    source = source, waiting = redis.call('HLEN', name), full = true,
  }, source .. ':full', 3600000)
  return {'full'}
end
redis.call('HSET', name, hash, delivery.id)
redis.call('HINCRBY', key('quarantine', 'bytes'), source, #body)
redis.call('HSET', key('delivery', delivery.id), 'id', delivery.id, 'source', source,
  'vendor', delivery.vendor, 'received_at', now, 'headers', delivery.headers, 'body', body,
  'verdict', 'unverified', 'reason', 'signing_key_unavailable', 'deletion_id', '',
  'quarantined_as', hash)
redis.call('ZADD', key('quarantine', 'due'), due, delivery.id)
redis.call('ZADD', key('deliveries'), now, delivery.id)
redis.call('HINCRBY', key('counts', 'verdicts', source), 'unverified', 1)
-- It was answered 202: a ledger that no longer knows it is another one, which only an entry makes visible.
audit(now, 'quarantined', {delivery_id = delivery.id, source = source})
return {'kept', delivery.id}
