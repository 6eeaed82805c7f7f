-- The one road to DELETE. Everything that may forbid the call is asked here, in the same instant in which
-- the numbered intent is written; only then does the call go out.
-- KEYS: account, audited:*, begun, begun:*, claims, configurations:other, deletion:*, due,
--       in_force, protected, quarantine:*, register:*:*
-- ARGV: id, fence, now, lease length, organization id, plan digest, resend_after, limits (JSON), kind
--       (delete or soft_delete), approval required ('1' or ''), grace required, what this server's clock
--       said before it was `now`, the ledger that is expected and its lowest mark, '1' if the asker keeps
--       a time of his own, digest of the caller's configuration, the tip of that mark ('' if unknown)
-- Answer: {'begun', number of the intent}, or {why not, who or what stands in the way}
local id, fence, now, length = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local org, digest, resend_after = ARGV[5], ARGV[6], tonumber(ARGV[7])
local limits, kind = cjson.decode(ARGV[8]), ARGV[9]
local approval, grace = ARGV[10] == '1', tonumber(ARGV[11] or 0)
local name = key('deletion', id)
local deletion = load(name)
local leased, passed = lease_clock(now, ARGV[15]), earlier_clock(now, ARGV[15])

-- Every refusal is answered by way of this; the same one again is no news.
local function refused(why, holder, limit)
  if news(id, 'begin', why) then
    audit(now, 'not_begun', {
      deletion_id = id, org_id = org, digest = digest, kind = kind, why = why, holder = holder,
      limit = limit,
    })
  end
  return {why, holder or limit}
end

if strange_ledger(ARGV[13], tonumber(ARGV[14]), ARGV[17]) then
  return refused('ledger_changed')
end
-- A copy may have been restored, and whoever was told more than it holds has not looked yet.
if new_server(leased) then
  return refused('server_restarted')
end
-- Nobody could say here that a client is active.
if unheard(leased) then
  return refused('no_service')
end
if ARGV[15] ~= '1' and clock_off(now, tonumber(ARGV[12])) then
  return refused('clock_off')
end
if deletion.state ~= 'running' or deletion.fence ~= fence or tonumber(deletion.lease_until) <= leased then
  return refused('fenced')
end
-- What this server threw away to make room cannot be known, and most of what is asked below would let a
-- call go if it were gone. Where it does not say (its INFO has no such line), it was looked at before.
local makes_room = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:(%a[%w-]*)') or 'noeviction'
if makes_room ~= 'noeviction' then
  pause(now, 'ledger_lost', '', 'maxmemory-policy is ' .. makes_room .. ', so Redis may have thrown away a '
    .. 'part of the ledger; set noeviction')
end
if paused() then
  return refused('paused')
end
if before_acceptance(tonumber(deletion.replayed_at or deletion.created_at)) then
  return refused('before_acceptance')
end
-- A ledger that was lost and accepted knows none, or an older one: who takes requests in says it anew.
local in_force = redis.call('HGET', key('in_force'), 'digest') or nil
if (in_force or ledger[2]) and in_force ~= ARGV[16] then
  notice(now, 'configuration_differs', {part = 'worker', in_force = in_force, part_has = ARGV[16]},
    ARGV[16], 3600000)
  redis.call('ZADD', key('configurations', 'other'), now, ARGV[16])
  return refused('configuration_differs', in_force)
end
-- The account that the plan was made in.
local account, bound = cjson.decode(deletion.plan_account or '{}'), load(key('account'))
if (bound.base_url and bound.base_url ~= account.base_url)
  or (bound.primary and bound.primary ~= account.primary) then
  return refused('other_account')
end
local watch = list(deletion.watch)
if deletion.client ~= '' then
  local register = load(key('register', deletion.source, deletion.client))
  if (register.epoch or '0') ~= deletion.epoch or (register.state ~= 'inactive'
    and register.state ~= 'contested') then
    return refused('reactivated')
  end
  -- One of them may say that the client came back.
  if redis.call('HLEN', key('quarantine', deletion.source)) > 0 then
    return refused('unproved_events')
  end
end
local holding = held_by(deletion)
if holding then
  return refused('not_understood', holding)
end
if (deletion.doubts or '[]') ~= (deletion.plan_doubts or '[]') then
  return refused('plan_moved')
end
-- Everything that any source said of the organization, and any person, is as the plan saw it; and nobody
-- deleted it since: IT Glue may show for a while what it is about to remove.
if noes_under(list(deletion.plan_forms)) ~= (deletion.plan_noes or '') then
  return refused('plan_moved')
end
for _, watched in ipairs(watch) do
  local said = redis.call('HMGET', key('register', watched[1], watched[2]), 'epoch', 'state', 'contested_by')
  local state = (said[2] or '') .. (CONTESTED[said[2]] and said[3] and '@' .. said[3] or '')
  if (said[1] or '0') ~= watched[3] or state ~= watched[4] then
    return refused('plan_moved')
  end
  -- An event that nobody can prove may say, whoever asked, that the client is active.
  if redis.call('HLEN', key('quarantine', watched[1])) > 0 then
    return refused('unproved_events')
  end
end
-- A service that was cut off may have taken in that one of them came back.
if deletion.client ~= '' or #watch > 0 then
  local sources = {[deletion.source] = true}
  for _, watched in ipairs(watch) do
    sources[watched[1]] = true
  end
  -- A question may wait for this server, as the service did; what was empty then may not be now.
  local late = math.max(0, server_clock() - tonumber(ARGV[12]))
  local spool = unspooled(now + late, sources)
  if spool then
    return refused('unspooled', spool)
  end
end
if deletion.intent_state == 'accepted' then
  return refused('accepted_before')
end
-- A status may be set twice; a DELETE that was not answered must have had its time.
if deletion.intent_state == 'open' and deletion.intent_kind == 'delete' then
  if passed < tonumber(deletion.intent_at) + resend_after then
    return refused('in_flight')
  end
  if deletion.intent_org ~= org then
    return refused('moved_on')
  end
end
if deletion.plan_digest ~= digest then
  return refused('plan_moved')
end
-- The plan that was approved, with no count above what the approver was shown. Whatever was asked or
-- said in this generation counts, and not only what the caller's settings ask for.
local function approved()
  if (deletion.approval_by or '') == '' or deletion.approval_generation ~= deletion.generation
    or deletion.approval_digest ~= digest then
    return false
  end
  local shown, counted = cjson.decode(deletion.approval_counts), cjson.decode(deletion.plan_counts)
  for kind in pairs(shown) do
    counted[kind] = counted[kind] or cjson.null
  end
  for kind, count in pairs(counted) do
    local before = shown[kind] or cjson.null
    if count == cjson.null then
      if before ~= cjson.null then
        return false
      end
    elseif count > (before == cjson.null and 0 or before) then
      return false
    end
  end
  return true
end
local asked = ((deletion.approval_why or '') ~= '' or (deletion.approval_by or '') ~= '')
  and deletion.approval_generation == deletion.generation
if (approval or asked) and not approved() then
  return refused('unapproved')
end
if grace > 0 then
  local from = deletion.grace_generation == deletion.generation and tonumber(deletion.grace_from)
  if not from or passed < math.max(from + grace, tonumber(deletion.grace_until)) then
    return refused('too_early')
  end
end
if redis.call('HEXISTS', key('protected'), org) == 1 then
  return refused('protected')
end
local holder = redis.call('HGET', key('claims'), org)
if holder and holder ~= id then
  return refused('claimed', holder)
end
-- Counted over sliding windows, and never given back: a refused call was an attempt all the same.
-- One deletion counts once within a day, however often it is begun.
local DAY = 86400000
local function counted(source)
  return source ~= '' and key('begun', source) or key('begun')
end
redis.call('ZREMRANGEBYSCORE', key('begun'), '-inf', passed - DAY)
if not redis.call('ZSCORE', key('begun'), id) then
  -- Who approved it because of a limit let it through; it counts all the same.
  local passes = asked and deletion.approval_passes == 'limit'
  for _, limit in ipairs(passes and {} or limits) do
    local since = string.format('(%d', passed - limit.window)
    if redis.call('ZCOUNT', counted(limit.source), since, '+inf') >= limit.allowed then
      notice(now, 'held_by_limit', {
        limit = limit.name, allowed = limit.allowed, source = limit.source, first = id,
      }, limit.name, limit.window)
      return refused('limit', nil, limit.name)
    end
  end
  for _, name_of_set in ipairs({key('begun'), counted(deletion.source)}) do
    redis.call('ZADD', name_of_set, now, id)
    redis.call('ZREMRANGEBYSCORE', name_of_set, '-inf', passed - DAY)
    redis.call('PEXPIRE', name_of_set, DAY)
  end
end
redis.call('HSET', key('claims'), org, id)
local number = redis.call('HINCRBY', name, 'intent_no', 1)
redis.call('HSET', name, 'intent_state', 'open', 'intent_kind', kind, 'intent_at', now, 'intent_org', org,
  'lease_until', leased + length, 'updated_at', now)
redis.call('HSET', name, 'intent_account', deletion.plan_account or '', 'intent_missing', '')
redis.call('ZADD', key('due'), leased + length, id)
redis.call('HDEL', key('audited', id), 'begin')
decide(id, now, 'intent', {number = number, kind = kind, org_id = org, digest = digest})
return {'begun', number}
