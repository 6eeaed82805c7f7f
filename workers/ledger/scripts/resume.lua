-- An admin ends every pause: what they were. Where the ledger was lost only if he accepts it as it is
-- now: it gets a new id, and whatever was lost is accepted by its own.
-- KEYS: account, deletion:*, deletions, deletions:retrying, due, in_force, itglue:refused, ledger, ledger:accepted,
--       ledger:lost, paused, resumed, running
-- ARGV: now, operator, reason, '1' to accept the ledger, an id for what is accepted, '1' if the asker
--       keeps a time of his own
-- Answer: what was paused, [cause, line, …]; an error ANOTHERACCOUNT or LEDGERLOST where that must be
--         accepted, CLOCKOFF where nobody knows what was before that
local now, operator, reason = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local call = ARGV[1] .. ' ' .. operator
local ended = redis.call('HGETALL', key('paused'))
-- Only who accepts the other account goes on with it.
if redis.call('HEXISTS', key('account'), 'seen') == 1 then
  return redis.error_reply('ANOTHERACCOUNT ' .. redis.call('HGET', key('account'), 'seen'))
end
local ledger_id = redis.call('HGET', key('ledger'), 'id')
local lost = not ledger_id or redis.call('HEXISTS', key('paused'), 'ledger_lost') == 1
  or #ended == 0 and redis.call('EXISTS', key('running')) == 0
if lost and ARGV[4] ~= '1' then
  return redis.error_reply('LEDGERLOST an admin must accept the ledger')
end
if #ended == 0 and not lost then
  -- The same call again: its first answer was lost on the way.
  local before = redis.call('HMGET', key('resumed'), 'call', 'was')
  return before[1] == call and cjson.decode(before[2]) or {}
end
if lost then
  local at = lease_clock(now, ARGV[6])
  if ARGV[6] ~= '1' and clock_off(now, at) then
    return redis.error_reply('CLOCKOFF ' .. at - now)
  end
  -- A clock that went back, as that of a restored machine, makes nothing that is here newer than this.
  local newest = tonumber(redis.call('ZREVRANGE', key('deletions'), 0, 0, 'WITHSCORES')[2] or 0)
  if newest >= at and newest < at + 86400000 then
    at = newest + 1
  end
  local gone = redis.call('HKEYS', key('ledger', 'lost'))
  gone[#gone + 1] = ledger_id or nil
  for _, each in ipairs(gone) do
    redis.call('HSET', key('ledger', 'accepted'), each, now)
  end
  -- What it says of the configuration in force may be of another time.
  redis.call('DEL', key('ledger', 'lost'), key('in_force'))
  redis.call('HSET', key('ledger'), 'id', ARGV[5], 'accepted_at', at,
    'accepted_by', operator)
  redis.call('HSETNX', key('ledger'), 'created_at', now)
  audit(now, 'ledger_accepted', {operator = operator, reason = reason, ledger = ARGV[5], lost = gone})
end
redis.call('SET', key('running'), now)
redis.call('DEL', key('paused'), key('itglue', 'refused'))
redis.call('HSET', key('resumed'), 'call', call, 'was', cjson.encode(ended))
audit(now, 'resumed', {operator = operator, reason = given(reason)})
notice(now, 'resumed', {by = operator, reason = reason})
-- What waits because of it is due at once; if there is more, it comes by itself within minutes.
for _, id in ipairs(redis.call('ZRANGE', key('deletions', 'retrying'), 0, 1999)) do
  local waits_for = redis.call('HGET', key('deletion', id), 'waits_for')
  if waits_for and waits_for ~= '' then
    redis.call('HSET', key('deletion', id), 'ready_at', now)
    redis.call('ZADD', key('due'), now, id)
  end
end
return ended
