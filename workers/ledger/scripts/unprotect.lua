-- A person with the admin role ends a protection: what it was, or nothing if there was none.
-- ARGV: organization id, now, operator, reason
local org, now, operator, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local call = now .. ' ' .. operator
local line = redis.call('HGET', key('protected'), org)
if line then
  redis.call('HDEL', key('protected'), org)
  redis.call('HSET', key('unprotected'), org, cjson.encode({call = call, was = line}))
  audit(now, 'unprotected', {org_id = org, operator = operator, reason = reason})
  return line
end
-- The same call again: its first answer was lost on the way.
local before = redis.call('HGET', key('unprotected'), org)
if before then
  local ended = cjson.decode(before)
  return ended.call == call and ended.was or ''
end
return ''
