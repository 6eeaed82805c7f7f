-- Take a deletion, a sweep, a bulk replay or a catch-up for one worker. The fence counts the takers: whoever holds an
-- older number can no longer write. A lease that nobody gave back means that its holder died.
-- KEYS: *:*
-- ARGV: id, now, lease length, kind of record, '1' if the asker keeps a time of his own, the process that
--       takes it ('' if nobody would see it die)
-- Answer: the fields of the record, nothing if it is not to be taken
local id, now, length, kind = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local own, holder = ARGV[5], ARGV[6]
local name, due = key(kind, id), due_of(kind)
local work = load(name)
local leased = lease_clock(now, own)

if not work.state or work.finished_at then
  redis.call('ZREM', due, id)
  return {}
end
local until_then = math.max(
  tonumber(work.lease_until) > leased and tonumber(work.lease_until) or 0,
  tonumber(work.ready_at) > earlier_clock(now, own) and tonumber(work.ready_at) or 0)
if until_then > 0 then
  -- A scheduler whose clock is ahead pushed it forward: it is due when it is due by this one.
  redis.call('ZADD', due, until_then, id)
  return {}
end
local died = tonumber(work.lease_until) > 0
if died then
  redis.call('HINCRBY', name, 'deaths', 1)
end
redis.call('HSET', name, 'fence', next_fence(work.fence, leased), 'lease_until', leased + length,
  'holder', holder)
redis.call('ZADD', due, leased + length, id)
if kind == 'deletion' then
  if died then
    decide(id, now, 'lease_expired', {fence = tonumber(work.fence)})
  end
  set_state(id, work.state, 'running', now)
end
return redis.call('HGETALL', name)
