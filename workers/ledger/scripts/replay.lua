-- A deletion that ended begins anew, in its next generation; what was stays readable. A call that may
-- have worked is never passed over: it is looked at again, by the deletion that owns its organization.
-- KEYS: claims, deletion:*, history:*:*, register:*:*, replayed:*
-- ARGV: id, now, look_again, operator, token of this replay, callback URL, whether a person's
--       cancellation may be overruled ('' not, 'all', or one within so many decisions), the policy's mode of
--       now ('' keeps what was asked for), by what the operator is told from others, the generation of which
--       the operator saw the end ('' for any)
-- Answer: {'replayed', generation, number of its job or 0}, {'known', generation, job} or {'refused',
--         why, other}
local id, now, look_again, operator = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local token, callback_url = ARGV[5], ARGV[6]
local name = key('deletion', id)
local deletion = load(name)
-- Nobody overrules an end that came after he asked.
local known = ARGV[7] == 'all' and math.huge or tonumber(ARGV[7]) or -1
local overrule = tonumber(deletion.ended_after or 0) <= known

local function refused(why, other)
  audit(now, 'replay_refused', {deletion_id = id, operator = operator, why = why, other = other})
  return {'refused', why, other or ''}
end

if not deletion.state then
  return unknown('deletion', id)
end
-- The same call again: its first answer was lost on the way, or who made it died.
local before = redis.call('HGET', key('replayed', id), token)
if before then
  return {'known', before, deletion.job}
end
if not TERMINAL[deletion.state] then
  return refused('not_terminal')
end
if given(ARGV[10]) and deletion.generation ~= ARGV[10] then
  return refused('moved')
end
if deletion.packed0 then
  return {'packed'}
end
if deletion.state == 'deleted' or deletion.state == 'soft_deleted' then
  return refused('succeeded')
end
for _, watched in ipairs(list(deletion.watch)) do
  local since = tonumber(redis.call('HGET', key('register', watched[1], watched[2]), 'active_order') or 0)
  -- What another source says is for a person to weigh, with the next plan.
  local own = watched[1] == deletion.source or string.find(deletion.source, 'schedule:', 1, true) == 1
  if own and since > tonumber(deletion.order or 0) then
    return refused('reactivated')
  end
end
local register = deletion.client ~= '' and key('register', deletion.source, deletion.client)
local client = register and load(register)
if register then
  if (client.epoch or '0') ~= deletion.epoch or client.state == 'active' then
    return refused('reactivated')
  end
  if client.state == 'deleted' then
    return refused('already_deleted')
  end
  if CANCELLED[client.state] and not overrule then
    return refused('cancelled_by_operator')
  end
  local other = client.deletion_id
  local state = other and other ~= id and redis.call('HGET', key('deletion', other), 'state')
  if state and not TERMINAL[state] then
    return refused('other_open', other)
  end
end
if unsettled(deletion) then
  redis.call('HSETNX', key('claims'), deletion.intent_org, id)
  local holder = redis.call('HGET', key('claims'), deletion.intent_org)
  if holder ~= id then
    return refused('claimed', holder)
  end
end

-- A no that was said after the last look, by whom this deletion did not end, nobody was told of.
local unseen = (deletion.stopped or '') == '' and noes_unseen(deletion) or deletion.stopped_unseen == '1'

redis.call('COPY', name, key('history', id, deletion.generation), 'REPLACE')
for field in pairs(deletion) do
  -- What people granted was for what they saw, and a grace period is to be waited for anew.
  if string.match(field, '^approval') or string.match(field, '^grace') then
    redis.call('HDEL', name, field)
  end
end
redis.call('HDEL', name, 'errors', 'finished_at', 'audit_head', 'eligible_until', 'waits_for', 'stopped', 'stopped_unseen')
-- Whoever worked on it until its end comes too late: what he found is of the generation before.
redis.call('HINCRBY', name, 'fence', 1)
local step = 'plan'
if unsettled(deletion) then
  -- What was sent was planned and exported so; the time to look begins anew.
  step = deletion.intent_state == 'accepted' and 'verify' or 'unanswered'
  redis.call('HSET', name, 'looked_from', now)
else
  redis.call('HDEL', name, 'plan', 'plan_digest', 'mode', 'export')
  -- A link and a name say together whom it means, anew. A name alone may be another's by now, and a bare
  -- number means whom it meant.
  local asked, pinned = cjson.decode(deletion.request), deletion.pinned and cjson.decode(deletion.pinned)
  if asked.org_name and asked.psa then
    redis.call('HDEL', name, 'pinned')
  elseif asked.org_name and pinned then
    redis.call('HSET', name, 'pinned', cjson.encode({id = pinned.id, created_at = pinned.created_at}))
  end
end
local generation = redis.call('HINCRBY', name, 'generation', 1)
set_state(id, deletion.state, 'queued', now)
redis.call('HSET', name, 'step', step, 'ready_at', now, 'lease_until', 0, 'attempts', 0, 'deaths', 0,
  'requests', 0, 'callback_url', callback_url, 'replayed_by', operator,
  'replayed_at', now, 'asked_as', ARGV[9])
-- What the ledger lost, its client's reactivation perhaps, nobody can see in the plan's place.
doubt_before_acceptance(id, tonumber(deletion.created_at))
local job = begin(id, deletion.source, now, look_again)
redis.call('HSET', name, 'job', job or 0)
redis.call('HSET', key('replayed', id), token, generation)
if ARGV[8] ~= '' then
  redis.call('HSET', name, 'asked_mode', ARGV[8])
end
watch_clients(id, clients_of(deletion))
if overrule and not unseen then
  -- Only what the deletion ended with was told to who overrules it, and not what was said since.
  redis.call('HSET', name, 'overrules_at', tonumber(deletion.finished_at) + 1,
    'overrules', deletion.ended_after or 0, 'plan_noes', noes_under(known_under(deletion)))
end
-- A rehearsal says nothing of the client.
if register and not cjson.decode(deletion.request).dry_run then
  -- That its source said both of one moment stays true, for whoever else asks.
  redis.call('HSET', register, 'state', CONTESTED[client.state] and 'contested' or 'inactive',
    'deletion_id', id, 'updated_at', now)
  redis.call('HDEL', register, 'cancelled_at')
end
decide(id, now, 'replayed', {operator = operator, generation = generation, was = deletion.state, step = step})
return {'replayed', generation, job or 0}
