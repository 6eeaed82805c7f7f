-- Deliveries leave the record when they are old and every deletion that they led to has left it.
-- ARGV: now, ids
local now, removed = tonumber(ARGV[1]), 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local stays = false
  for _, receipt in ipairs(cjson.decode(redis.call('HGET', key('delivery', id), 'events') or '[]')) do
    stays = stays or receipt.deletion_id and redis.call('EXISTS', key('deletion', receipt.deletion_id)) == 1
  end
  if not stays then
    redis.call('DEL', key('delivery', id), key('history', id), key('replayed', id))
    redis.call('ZREM', key('deliveries'), id)
    removed = removed + 1
  end
end
if removed > 0 then
  audit(now, 'pruned', {of = 'deliveries', count = removed})
end
return removed
