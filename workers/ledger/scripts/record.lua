-- What a step did, and what comes next. Written only by the holder of the newest lease.
-- KEYS: deletion:*, due, journal:*
-- ARGV: id, fence, now, next state ('running' keeps the lease), ready_at, lease length, errors, '1' if
--       the asker keeps a time of his own, count of field/value pairs, the pairs, then journal lines
--       (JSON)
-- Answer: {'recorded', fields of the deletion} or {'fenced'}
local id, fence, now, state = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local ready_at, length, errors = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local leased, pairs_count = lease_clock(now, ARGV[8]), tonumber(ARGV[9])
local name = key('deletion', id)
local deletion = load(name)

if not deletion.state or TERMINAL[deletion.state] or deletion.fence ~= fence then
  return {'fenced'}
end
local first_line = 10 + 2 * pairs_count
if pairs_count > 0 then
  redis.call('HSET', name, unpack(ARGV, 10, first_line - 1))
end
local watch = redis.call('HGET', name, 'watch')
if watch and watch ~= deletion.watch then
  unwatch_clients(id, deletion)
  watch_clients(id, clients_of({watch = watch, identities = deletion.identities}))
end
-- A refused call did nothing, so others may try.
if redis.call('HGET', name, 'intent_state') == 'refused' then
  release(deletion.intent_org, id)
end
local org_id = redis.call('HGET', name, 'org_id') or ''
for i = first_line, #ARGV do
  local line = ARGV[i]
  redis.call('RPUSH', key('journal', id), line)
  local entry = string.match(line, '"entry": "([^"]*)"') or ''
  if entry == 'approval_expired' then
    notice(now, 'expired', {deletion_id = id})
  end
  -- begin_delete wrote that itself.
  local decided = entry == 'not_begun'
  if not decided and news(id, entry, redis.sha1hex((string.gsub(line, '"at": %d+}$', '')))) then
    pending(line, 'deletion_id', id, 'org_id', org_id)
  end
end
if TERMINAL[state] then
  finish(id, state, now, errors)
elseif state == 'running' then
  redis.call('HSET', name, 'lease_until', leased + length, 'updated_at', now)
  redis.call('ZADD', key('due'), leased + length, id)
else
  set_state(id, deletion.state, state, now)
  if news(id, 'state', state) then
    audit(now, 'state', {deletion_id = id, state = state, due_at = ready_at})
  end
  -- Only a job that ended in order clears the count: going round through an earlier step does not.
  redis.call('HSET', name, 'lease_until', 0, 'ready_at', ready_at, 'deaths', 0)
  redis.call('ZADD', key('due'), ready_at, id)
  local asked = state == 'awaiting_approval' and load(name)
  -- What a limit holds may be hundreds: people were told of the limit, once.
  if asked and asked.approval_why ~= 'limit' then
    local reminded = tonumber(asked.approval_reminded)
    notice(now, 'approval_wanted', {deletion_id = id, reminder = reminded > 0 and reminded or nil},
      table.concat({id, asked.generation, asked.approval_asked_at, reminded}, ':'), 2592000000)
  end
end
return {'recorded', redis.call('HGETALL', name)}
