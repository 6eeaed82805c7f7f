-- What a slice of catching up came to: the run as it stands then. Written only by the holder of the
-- newest lease; nobody else is answered anything.
-- ARGV: id, fence, now, fields (JSON), lease length (0 gives it back), ready_at (0: the run is over),
--       notices (JSON list of kind, detail, once and lasts), '1' if the asker keeps a time of his own
local id, fence, now, length, ready_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
local name = key('catch_up', id)
local run = load(name)
if not run.state or run.fence ~= fence or run.finished_at then
  return {}
end
for field, value in pairs(cjson.decode(ARGV[4])) do
  redis.call('HSET', name, field, value)
end
for _, each in ipairs(cjson.decode(ARGV[7])) do
  notice(now, each.kind, each.detail, each.once, each.lasts)
end
if ready_at == 0 then
  redis.call('HSET', name, 'finished_at', now, 'lease_until', 0, 'deaths', 0)
  redis.call('ZREM', key('catch_ups', 'due'), id)
else
  local lease_until = length > 0 and lease_clock(now, ARGV[8]) + length or 0
  redis.call('HSET', name, 'lease_until', lease_until, 'ready_at', ready_at)
  if lease_until == 0 then
    redis.call('HSET', name, 'deaths', 0)
  end
  redis.call('ZADD', key('catch_ups', 'due'), lease_until > 0 and lease_until or ready_at, id)
end
return redis.call('HGETALL', name)
