-- A host was tried in vain. After so many times in a row nothing is sent to it for a while, longer each
-- time that a probe is in vain as well.
-- KEYS: host:*, hosts:silent
-- ARGV: host, now, how often in a row, waits (JSON array, the last one for ever)
-- Answer: {'counted'}, {'opened', until}: from now on nothing is sent; {'still', until}
local name, now, most, waits_ = key('host', ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), cjson.decode(ARGV[4])
local host = load(name)
redis.call('HSETNX', name, 'since', now)
redis.call('PEXPIRE', name, 86400000)
if host.quiet_until and not host.probed then
  -- An attempt that had begun before.
  return {'still', host.quiet_until}
end
local failures = redis.call('HINCRBY', name, 'failures', 1)
if failures < most then
  return {'counted'}
end
local number = redis.call('HINCRBY', name, 'opened', 1)
local until_ = now + waits_[math.min(number, #waits_)]
redis.call('HSET', name, 'quiet_until', until_)
redis.call('HDEL', name, 'probed')
if number > 1 then
  return {'still', tostring(until_)}
end
redis.call('HSET', key('hosts', 'silent'), ARGV[1], redis.call('HGET', name, 'since'))
return {'opened', tostring(until_)}
