-- A person rejects a deletion that waits for approval.
-- ARGV: id, now, operator, reason, errors (JSON), this call's own id
local id, now, operator, reason, errors, call = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local deletion = load(key('deletion', id))

if not deletion.state then
  return {'unknown'}
end
-- The same call again: its first answer was lost on the way.
if deletion.approval_call == call then
  return {'rejected'}
end
local why = TERMINAL[deletion.state] and 'ended' or not awaits_approval(deletion) and 'not_awaiting'
if why then
  audit(now, 'reject_refused', {deletion_id = id, operator = operator, why = why})
  return {why, deletion.state}
end
redis.call('HSET', key('deletion', id), 'approval_call', call)
stop(deletion, now, 'rejected', {operator = operator, reason = reason}, errors)
return {'rejected'}
