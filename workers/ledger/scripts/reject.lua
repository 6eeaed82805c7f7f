-- A person rejects a deletion that waits for approval.
-- KEYS: deletion:*
-- ARGV: id, now, operator, reason, errors (JSON)
-- Answer: {'rejected'}, or {why not, state}
local id, now, operator, reason, errors = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local deletion = load(key('deletion', id))
local said = {operator = operator, reason = reason}

if not deletion.state then
  return unknown('deletion', id)
end
if deletion.stopped == stopped_as('rejected', said) then
  return {'rejected'}
end
local why = TERMINAL[deletion.state] and 'ended' or not awaits_approval(deletion) and 'not_awaiting'
if why then
  audit(now, 'reject_refused', {deletion_id = id, operator = operator, why = why})
  return {why, deletion.state}
end
stop(deletion, now, 'rejected', said, errors)
return {'rejected'}
