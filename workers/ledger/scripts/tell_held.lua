-- Have people told of each source that holds deletions for what came within the hour in which only the first
-- was told; once an hour each.
-- KEYS: holding:*, holds:told, told:rejected_event:*
-- ARGV: now
-- Answer: 1
local now = tonumber(ARGV[1])
for source, told in pairs(load(key('holds', 'told'))) do
  local waiting, first, name = 0, nil, nil
  for id, line in pairs(load(key('holding', source))) do
    local held = cjson.decode(line)
    if held.at > tonumber(told) then
      waiting = waiting + 1
      if not first or held.at < first.at then
        first, name = held, id
      end
    end
  end
  if first and redis.call('EXISTS', key('told', 'rejected_event', source)) == 0 and notice(now, 'rejected_event', {
      source = source, reason = first.reason, delivery_id = name, holds = true, waiting = waiting,
      clients = #first.clients > 0 and first.clients or nil,
    }, source, 3600000) then
    redis.call('HSET', key('holds', 'told'), source, now)
  end
end
return 1
