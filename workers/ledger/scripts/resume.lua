-- An admin ends every pause: what they were. ARGV: now, operator, reason
local now, operator, reason = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local call = ARGV[1] .. ' ' .. operator
local ended = redis.call('HGETALL', key('paused'))
if #ended == 0 then
  -- The same call again: its first answer was lost on the way.
  local before = redis.call('HMGET', key('resumed'), 'call', 'was')
  return before[1] == call and cjson.decode(before[2]) or {}
end
redis.call('DEL', key('paused'), key('itglue', 'refused'))
redis.call('HSET', key('resumed'), 'call', call, 'was', cjson.encode(ended))
audit(now, 'resumed', {operator = operator, reason = reason ~= '' and reason or nil})
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
