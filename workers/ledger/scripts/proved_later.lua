-- A deletion that ended unverified is seen gone after all: it becomes deleted, and a corrected result
-- goes out under an id of its own.
-- KEYS: aftercare:due, deletion:*, journal:*, register:*:*, unpacked
-- ARGV: id, now, journal line
-- Answer: 1, or 0 if there is nothing to prove
local id, now, line = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local name = key('deletion', id)
local deletion = load(name)
if deletion.state ~= 'failed' or not unsettled(deletion) then
  redis.call('ZREM', key('aftercare', 'due'), id)
  return 0
end
set_state(id, 'failed', 'deleted', now)
redis.call('HSET', name, 'errors', '[]', 'finished_at', now, 'proved_later', now)
redis.call('RPUSH', key('journal', id), line)
redis.call('ZADD', key('unpacked'), now, id)
audit(now, 'proved_later', {deletion_id = id, org_id = deletion.intent_org})
fix_audit_head(id)
deleted_by_us(deletion.intent_org, now)
-- Now somebody looks whether the PSA's sync creates it anew.
redis.call('ZADD', key('aftercare', 'due'), now + 86400000, id)
release(deletion.intent_org, id)
if deletion.client ~= '' then
  local register = key('register', deletion.source, deletion.client)
  local known = load(register)
  if (known.epoch or '0') == deletion.epoch and known.state ~= 'active' then
    redis.call('HSET', register, 'state', 'deleted')
  else
    notice(now, 'reactivated_after_deletion', {deletion_id = id})
  end
end
if deletion.callback_url ~= '' then
  local first = result_of(id, deletion.generation)
  post(first .. '_c', id, now, 'deletion_id', id, 'generation', deletion.generation, 'first', first)
end
return 1
