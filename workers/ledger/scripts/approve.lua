-- A person approves what was shown.
-- KEYS: deletion:*, due, jobs
-- ARGV: id, now, look_again, operator, digest of what was shown, force ('1' or ''), plan digest as judged
--       with that force, reason
-- Answer: {'approved', number of the job if one waits}, or {why not, detail}
local id, now, look_again, operator = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local seen, force, digest, reason = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local said = table.concat({operator, seen, force}, ':')
local name = key('deletion', id)
local deletion = load(name)

if not deletion.state then
  return unknown('deletion', id)
end
-- The same again, while it stands: its first answer was lost on the way, or nobody could say then
-- that it was on disk. What is void, or ended otherwise than it was meant, does not stand.
local undone = TERMINAL[deletion.state] and deletion.state ~= 'deleted' and deletion.state ~= 'soft_deleted'
if deletion.approval_said == said and not undone then
  return {'approved', deletion.state == 'queued' and tonumber(deletion.job) or nil}
end
local function refused(why, detail)
  audit(now, 'approve_refused', {deletion_id = id, operator = operator, why = why, digest = seen})
  return {why, detail or ''}
end
if TERMINAL[deletion.state] then
  return refused('ended', deletion.state)
end
local asked = deletion.approval_generation == deletion.generation
if asked and (deletion.approval_by or '') ~= '' then
  return refused('approved_before', deletion.approval_by)
end
if not asked or not awaits_approval(deletion) then
  return refused('not_awaiting', deletion.state)
end
if tonumber(deletion.approval_until) <= now then
  return refused('expired')
end
if (deletion.client == '' and deletion.actor == operator) or deletion.replayed_by == operator then
  return refused('requester')
end
if deletion.approval_seen ~= seen then
  return refused('moved')
end
if deletion.approval_needs_force == '1' and force ~= '1' then
  return refused('needs_force')
end
local job = redis.call('INCR', key('jobs'))
redis.call('HSET', name, 'approval_by', operator, 'approval_at', now, 'approval_reason', reason,
  'approval_force', deletion.approval_needs_force, 'approval_digest', digest,
  'approval_passes', deletion.approval_why, 'approval_plan', deletion.plan,
  'approval_counts', deletion.plan_counts, 'approval_moved', '[]', 'approval_said', said,
  'step', 'plan', 'attempts', 0, 'lease_until', 0, 'ready_at', now, 'job', job)
-- Whoever was about to remind somebody, or to give up, comes too late.
redis.call('HINCRBY', name, 'fence', 1)
set_state(id, deletion.state, 'queued', now)
redis.call('ZADD', key('due'), look_again, id)
decide(id, now, 'approved', {
  operator = operator, reason = given(reason), why = deletion.approval_why,
  force_delete = deletion.approval_needs_force == '1', digest = seen,
})
return {'approved', job}
