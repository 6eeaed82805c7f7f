-- Take a deletion for one worker. The fence counts the takers: whoever holds an older number can
-- no longer write. ARGV: id, now, lease length, '1' if the asker keeps a time of his own, the process
--       that takes it ('' if nobody would see it die)
local id, now, length, own, holder = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local name = key('deletion', id)
local deletion = load(name)
local leased = lease_clock(now, own)

-- A scheduler whose clock is ahead pushed it forward: it is due when it is due by this one.
local function not_yet(why, at)
  redis.call('ZADD', key('due'), at, id)
  return {why}
end

if not deletion.state then
  return {'unknown'}
end
if TERMINAL[deletion.state] then
  return {'terminal'}
end
if tonumber(deletion.lease_until) > leased then
  return not_yet('leased', deletion.lease_until)
end
if tonumber(deletion.ready_at) > earlier_clock(now, own) then
  return not_yet('not_due', deletion.ready_at)
end
-- A lease that nobody gave back means that its holder died.
if deletion.state == 'running' then
  redis.call('HINCRBY', name, 'deaths', 1)
  decide(id, now, 'lease_expired', {fence = tonumber(deletion.fence)})
end
redis.call('HSET', name, 'fence', next_fence(deletion.fence, leased), 'lease_until', leased + length,
  'holder', holder)
set_state(id, deletion.state, 'running', now)
redis.call('ZADD', key('due'), leased + length, id)
return {'taken', redis.call('HGETALL', name)}
