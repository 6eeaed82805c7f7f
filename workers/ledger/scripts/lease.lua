-- Take a deletion for one worker. The fence counts the takers: whoever holds an older number can
-- no longer write. ARGV: id, now, lease length
local id, now, length = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local name = key('deletion', id)
local deletion = load(name)

if not deletion.state then
  return {'unknown'}
end
if TERMINAL[deletion.state] then
  return {'terminal'}
end
if tonumber(deletion.lease_until) > now then
  return {'leased'}
end
if tonumber(deletion.ready_at) > now then
  return {'not_due'}
end
-- A lease that nobody gave back means that its holder died.
if deletion.state == 'running' then
  redis.call('HINCRBY', name, 'deaths', 1)
  decide(id, now, 'lease_expired', {fence = tonumber(deletion.fence)})
end
redis.call('HINCRBY', name, 'fence', 1)
redis.call('HSET', name, 'lease_until', now + length)
set_state(id, deletion.state, 'running', now)
redis.call('ZADD', key('due'), now + length, id)
return {'taken', redis.call('HGETALL', name)}
