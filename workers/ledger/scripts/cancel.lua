-- A person stops a deletion.
-- KEYS: deletion:*
-- ARGV: id, now, operator, errors (JSON)
-- Answer: 'cancelled', or why it is too late: 'terminal' or 'sent'
local id, now, operator, errors = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local deletion = load(key('deletion', id))
local said = {operator = operator}

if not deletion.state then
  return unknown('deletion', id)
end
if deletion.stopped == stopped_as('cancelled', said) then
  return 'cancelled'
end
local too_late = TERMINAL[deletion.state] and 'terminal'
  or sent(deletion) and 'sent'
if too_late then
  audit(now, 'cancel_refused', {deletion_id = id, operator = operator, why = too_late})
  return too_late
end
stop(deletion, now, 'cancelled', said, errors)
return 'cancelled'
