-- Take a callback for one attempt. A lease that nobody gave back means that its holder died; what ends
-- its worker three times in a row is sent no more.
-- KEYS: callback:*, callbacks:due
-- ARGV: id, now, lease length
-- Answer: the fields of the callback, nothing if it is not to be taken
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
if tonumber(callback.lease_until) > 0 and redis.call('HINCRBY', name, 'deaths', 1) >= 3 then
  give_up(id, callback, now,
    'it ended its worker three times and is sent no more; look into the logs, then replay it',
    'killed_its_worker')
  return {}
end
redis.call('HSET', name, 'fence', next_fence(callback.fence, now), 'lease_until', now + length)
redis.call('HDEL', name, 'waits_for')
redis.call('ZADD', key('callbacks', 'due'), now + length, id)
return redis.call('HGETALL', name)
