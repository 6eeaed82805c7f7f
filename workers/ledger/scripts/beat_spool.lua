-- A service says how its spool stands; with the first time the ledger knows of it.
-- KEYS: spool:*, spools
-- ARGV: id, now, deliveries that wait, receipt of the oldest ('' if none), where, sources with deliveries
--       set aside (JSON), '1' if the asker keeps a time of his own, which process says it
-- Answer: 1
local id, now, waiting, oldest, where, aside = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local process = ARGV[8]
local since = redis.call('HGET', key('spool', id), 'since')
if not since then
  -- A copy of before may let a deletion go for which this one keeps that its client is active.
  audit(now, 'spool_known', {spool = id, where = where})
  since = now
end
-- A clock that is ahead says nothing of what will be.
local ahead = ARGV[7] ~= '1' and tonumber(now) > server_clock() + 2000
-- Who speaks again after another one did lives beside it, over a copy of its folder or the same one: what the
-- one says of its own is not true of the other's, until a person forgets both.
local before = redis.call('HMGET', key('spool', id), 'process', 'process_before', 'doubled')
local doubled = before[3] or ''
if before[1] ~= process then
  doubled = (doubled ~= '' or before[2] == process) and '1' or ''
  redis.call('HSET', key('spool', id), 'process', process, 'process_before', before[1] or '', 'doubled', doubled)
end
if doubled ~= '' then
  redis.call('ZADD', key('spools'), 0, id)
elseif waiting == 0 and not ahead then
  redis.call('ZADD', key('spools'), now, id)
else
  -- It was empty when it last said so; one that never was holds from its first word.
  redis.call('ZADD', key('spools'), 'NX', 0, id)
end
redis.call('HSET', key('spool', id), 'id', id, 'since', since, 'seen_at', now, 'waiting', waiting,
  'oldest', oldest, 'where', where, 'aside', aside)
return 1
