-- A spool is no longer waited for: its service signed off with nothing in it, or an admin says that it is
-- gone for good.
-- KEYS: forgotten:*, spool:*, spools
-- ARGV: id, now, operator ('' if it signed off), reason
-- Answer: 1
local id, now, operator, reason = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local spool = load(key('spool', id))
local call = now .. ' ' .. operator
if not spool.id then
  -- The same call again: its first answer was lost on the way.
  local repeated = redis.call('GET', key('forgotten', id)) == call
  return (repeated or operator == '') and 1 or unknown('spool', id)
end
-- Of two who speak for one, the other may hold what this one does not know.
if operator == '' and given(spool.doubled) then
  return 1
end
redis.call('ZREM', key('spools'), id)
redis.call('DEL', key('spool', id))
redis.call('SET', key('forgotten', id), call, 'PX', 600000)
if operator ~= '' then
  audit(now, 'spool_forgotten', {
    spool = id, operator = operator, reason = reason, where = spool.where,
    waiting = tonumber(spool.waiting), seen_at = tonumber(spool.seen_at),
  })
end
return 1
