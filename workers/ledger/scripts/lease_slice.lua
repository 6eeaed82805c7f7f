-- Take a sweep or a bulk replay for one slice of its work. A lease that nobody gave back means that
-- its holder died; the taker sees how many did in a row.
-- ARGV: id, now, lease length, kind of record, its due set, '1' if the asker keeps a time of his own,
--       the process that takes it ('' if nobody would see it die)
local id, now, length, kind, due = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local own, holder = ARGV[6], ARGV[7]
local name = key(kind, id)
local work = load(name)
local leased = lease_clock(now, own)

if not work.state or work.finished_at then
  redis.call('ZREM', key(due), id)
  return {}
end
local until_then = math.max(
  tonumber(work.lease_until) > leased and tonumber(work.lease_until) or 0,
  tonumber(work.ready_at) > earlier_clock(now, own) and tonumber(work.ready_at) or 0)
if until_then > 0 then
  -- A scheduler whose clock is ahead pushed it forward: it is due when it is due by this one.
  redis.call('ZADD', key(due), until_then, id)
  return {}
end
if tonumber(work.lease_until) > 0 then
  redis.call('HINCRBY', name, 'deaths', 1)
end
redis.call('HSET', name, 'fence', next_fence(work.fence, leased), 'lease_until', leased + length,
  'holder', holder)
redis.call('ZADD', key(due), leased + length, id)
return redis.call('HGETALL', name)
