-- Take a callback for one attempt. ARGV: id, now, lease length
local id, now, length = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local name = key('callback', id)
local callback = load(name)

if not callback.state then
  redis.call('ZREM', key('callbacks', 'due'), id)
  redis.call('DEL', name)
  return {}
end
if callback.state ~= 'pending' or tonumber(callback.lease_until) > now then
  return {}
end
if tonumber(callback.ready_at or 0) > now then
  return {}
end
redis.call('HINCRBY', name, 'fence', 1)
redis.call('HSET', name, 'lease_until', now + length)
redis.call('ZADD', key('callbacks', 'due'), now + length, id)
return redis.call('HGETALL', name)
