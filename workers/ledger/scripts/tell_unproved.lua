-- Have people told of each source whose deliveries nobody could prove for too long; once an hour each.
-- KEYS: delivery:*, quarantine:due
-- ARGV: now, patience
-- Answer: 1
local now, patience = tonumber(ARGV[1]), tonumber(ARGV[2])
local sources = {}
for _, id in ipairs(redis.call('ZRANGE', key('quarantine', 'due'), 0, -1)) do
  local kept = redis.call('HMGET', key('delivery', id), 'source', 'received_at')
  local source, at = kept[1], tonumber(kept[2])
  -- One that was proved is in the list until the process that proved it says so.
  if source and redis.call('HGET', key('delivery', id), 'verdict') == 'unverified' then
    local seen = sources[source] or {waiting = 0, at = at, id = id}
    seen.waiting = seen.waiting + 1
    if at < seen.at then
      seen.at, seen.id = at, id
    end
    sources[source] = seen
  end
end
for source, seen in pairs(sources) do
  if now - seen.at >= patience then
    notice(now, 'unproved_event', {
      source = source, delivery_id = seen.id, waiting = seen.waiting,
      minutes = math.floor((now - seen.at) / 60000),
    }, source, 3600000)
  end
end
return 1
