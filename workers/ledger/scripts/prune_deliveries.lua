-- Deliveries leave the record when they are old, hold nothing, and every deletion that they led to has
-- left it.
-- KEYS: deletion:*, deliveries, deliveries:ignored, delivery:*, history:*, holding:*, replayed:*
-- ARGV: now, ids
-- Answer: how many left
local now, removed = tonumber(ARGV[1]), 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local held = redis.call('HMGET', key('delivery', id), 'quarantined_as', 'source')
  -- What holds deletions stays until a person has seen it.
  local stays = held[1] or held[2] and redis.call('HEXISTS', key('holding', held[2]), id) == 1
  for _, receipt in ipairs(list(receipts_of(id))) do
    stays = stays or receipt.deletion_id and redis.call('EXISTS', key('deletion', receipt.deletion_id)) == 1
  end
  if not stays then
    redis.call('DEL', key('delivery', id), key('history', id), key('replayed', id))
    redis.call('ZREM', key('deliveries'), id)
    redis.call('ZREM', key('deliveries', 'ignored'), id)
    removed = removed + 1
  end
end
if removed > 0 then
  audit(now, 'pruned', {of = 'deliveries', count = removed})
end
return removed
