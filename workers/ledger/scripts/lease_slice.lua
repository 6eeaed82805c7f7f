-- Take a sweep or a bulk replay for one slice of its work. A lease that nobody gave back means that
-- its holder died; the taker sees how many did in a row.
-- ARGV: id, now, lease length, kind of record, its due set
local id, now, length, kind, due = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local name = key(kind, id)
local work = load(name)

if not work.state or work.finished_at then
  redis.call('ZREM', key(due), id)
  return {}
end
if tonumber(work.lease_until) > now or tonumber(work.ready_at) > now then
  return {}
end
if tonumber(work.lease_until) > 0 then
  redis.call('HINCRBY', name, 'deaths', 1)
end
redis.call('HINCRBY', name, 'fence', 1)
redis.call('HSET', name, 'lease_until', now + length)
redis.call('ZADD', key(due), now + length, id)
return redis.call('HGETALL', name)
