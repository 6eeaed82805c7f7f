-- A person stops a deletion. ARGV: id, now, operator, errors (JSON), this call's own id
local id, now, operator, errors, call = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local deletion = load(key('deletion', id))

if not deletion.state then
  return 'unknown'
end
-- The same call again: its first answer was lost on the way.
if deletion.cancel_call == call then
  return 'cancelled'
end
local too_late = TERMINAL[deletion.state] and 'terminal'
  or (deletion.intent_state == 'open' or deletion.intent_state == 'accepted') and 'sent'
if too_late then
  audit(now, 'cancel_refused', {deletion_id = id, operator = operator, why = too_late})
  return too_late
end
redis.call('HSET', key('deletion', id), 'cancel_call', call)
stop(deletion, now, 'cancelled', {operator = operator}, errors)
return 'cancelled'
