-- A person with the admin role ends a protection: what it was, or nothing if there was none.
-- KEYS: declined, protected, unprotected
-- ARGV: organization id, now, operator, reason
-- Answer: what protected it (JSON), '' if nothing did
local org, now, operator, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local call = now .. ' ' .. operator
local line = redis.call('HGET', key('protected'), org)
-- A person's no, under all the forms in which it was written down.
local no = redis.call('HGET', key('declined'), 'org:' .. org)
if no then
  for form, said in pairs(load(key('declined'))) do
    if said == no then
      redis.call('HDEL', key('declined'), form)
    end
  end
  local said = cjson.decode(no)
  audit(now, 'no_ended', {
    org_id = org, operator = operator, reason = reason, said_by = said.by, of = said.deletion_id,
  })
  line = line or cjson.encode({by = said.by, at = said.at, reason = said.reason or '', how = said.how})
end
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
