-- A source is to be caught up with: its time has come, or a person asks. One run at a time; one that is
-- under way or waits to go on is made due.
-- KEYS: catch_up:*, catch_ups:due
-- ARGV: id, now, source, tick (0 for a person)
-- Answer: 1 if a run begins or is brought forward, 0 if this time had its run
local id, now, source, tick = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local name = key('catch_up', id)
local known = load(name)
if tick > 0 and tick <= tonumber(known.tick or 0) then
  return 0
end
redis.call('HSET', name, 'tick', math.max(tick, tonumber(known.tick or 0)))
-- What happened before anybody looked is not made up for.
redis.call('HSETNX', name, 'point', now)
if not known.state or known.finished_at then
  redis.call('HDEL', name, 'finished_at')
  redis.call('HSET', name, 'id', id, 'source', source, 'state', 'reading', 'began_at', now, 'after', '0',
    'newest', 0, 'unread', '', 'inactive', 0, 'active', 0, 'lease_until', 0, 'attempts', 0, 'deaths', 0)
end
redis.call('HSETNX', name, 'fence', 0)
redis.call('HSET', name, 'ready_at', now)
if tonumber(redis.call('HGET', name, 'lease_until')) == 0 then
  redis.call('ZADD', key('catch_ups', 'due'), now, id)
end
return 1
