-- A person stops a deletion. ARGV: id, now, operator, errors (JSON)
local id, now, operator, errors = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local deletion = load(key('deletion', id))

if not deletion.state then
  return 'unknown'
end
local too_late = TERMINAL[deletion.state] and 'terminal'
  or (deletion.intent_state == 'open' or deletion.intent_state == 'accepted') and 'sent'
if too_late then
  audit(now, 'cancel_refused', {deletion_id = id, operator = operator, why = too_late})
  return too_late
end
decide(id, now, 'cancelled', {operator = operator})
if deletion.client ~= '' then
  local register = key('register', deletion.source, deletion.client)
  if (redis.call('HGET', register, 'epoch') or '0') == deletion.epoch then
    redis.call('HSET', register, 'state', 'cancelled', 'updated_at', now)
  end
end
finish(id, 'cancelled', now, errors)
return 'cancelled'
