-- Take a sweep for one slice of its work. ARGV: id, now, lease length
local id, now, length = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local name = key('sweep', id)
local sweep = load(name)

if not sweep.state or sweep.finished_at then
  redis.call('ZREM', key('sweeps', 'due'), id)
  return {}
end
if tonumber(sweep.lease_until) > now or tonumber(sweep.ready_at) > now then
  return {}
end
redis.call('HINCRBY', name, 'fence', 1)
redis.call('HSET', name, 'lease_until', now + length)
redis.call('ZADD', key('sweeps', 'due'), now + length, id)
return redis.call('HGETALL', name)
