-- An organization is protected until an admin says otherwise; the first word for it is kept.
-- KEYS: protected
-- ARGV: organization id, now, by, reason, how
-- Answer: the protection that stands (JSON)
local org, now, by, reason, how = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local line = cjson.encode({by = by, at = tonumber(now), reason = reason, how = how})
if redis.call('HSETNX', key('protected'), org, line) == 1 then
  audit(now, 'protected', {org_id = org, operator = by, reason = reason, how = how})
  return line
end
local before = redis.call('HGET', key('protected'), org)
-- A tag or a file says it with every plan, a person once; the same call again says nothing new.
if by ~= '' and before ~= line then
  audit(now, 'protected', {org_id = org, operator = by, reason = reason, how = how, already = true})
end
return before
