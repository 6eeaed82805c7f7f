-- A deletion asked for by an operator, once per idempotency key.
-- KEYS: deletion:*, idempotency:*
-- ARGV: id, now, look_again, retention, idempotency name ('' for none), fingerprint, fields (JSON)
-- Answer: {'created', id, number of its job or 0}, {'known', id} or {'mismatch', id}
local id, now, look_again, retention = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local idempotency, fingerprint, fields = ARGV[5], ARGV[6], cjson.decode(ARGV[7])

-- The same call again: its first answer was lost on the way.
local job = redis.call('HGET', key('deletion', id), 'job')
if job then
  return {'created', id, tonumber(job)}
end
if idempotency ~= '' then
  local known = redis.call('HMGET', key('idempotency', idempotency), 'deletion_id', 'fingerprint')
  if known[1] then
    if known[2] ~= fingerprint then
      return {'mismatch', known[1]}
    end
    return {'known', known[1]}
  end
  redis.call('HSET', key('idempotency', idempotency), 'deletion_id', id, 'fingerprint', fingerprint)
  redis.call('PEXPIRE', key('idempotency', idempotency), retention)
end
-- Who says the organization's name knows of what persons said until now.
if given(fields.overrules_at) then
  fields.overrules = decisions()
end
return {'created', id, create(id, now, look_again, fields) or 0}
