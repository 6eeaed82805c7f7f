-- One delivery becomes durable, is deduplicated, reads and writes the clients' registers, and
-- creates, joins or cancels deletions, all or nothing. Or a stored one is read anew: what had no
-- effect the first time may have one now.
-- ARGV: now, look_again, retention, delivery (JSON), body, events (JSON array),
--       of a replay: operator and token
local now, look_again, retention = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local delivery, body, events = cjson.decode(ARGV[4]), ARGV[5], cjson.decode(ARGV[6])

local operator, token = ARGV[7], ARGV[8]
local stored = redis.call('HMGET', key('delivery', delivery.id), 'events', 'generation', 'verdict', 'reason')
if operator then
  if not stored[1] then
    return cjson.encode({refused = 'unproved'})
  end
  local left = false
  for _, receipt in ipairs(cjson.decode(stored[1])) do
    left = left or receipt.verdict == 'rejected' or receipt.verdict == 'ignored'
  end
  -- The same call again: its first answer was lost on the way, or who made it died.
  if redis.call('HEXISTS', key('replayed', delivery.id), token) == 1 then
    return stored[1]
  end
  if not left then
    audit(now, 'replay_refused', {delivery_id = delivery.id, operator = operator, why = 'handled'})
    return cjson.encode({refused = 'handled'})
  end
elseif stored[1] then
  -- The same.
  return stored[1]
end

local RANK = {accepted = 5, cancelled = 4, rejected = 3, duplicate = 2, ignored = 1}

local function open_deletion(register)
  local id = register.deletion_id
  if not id then
    return nil
  end
  local deletion = load(key('deletion', id))
  if not deletion.state or TERMINAL[deletion.state] then
    return nil
  end
  return deletion
end

local function request(event, name, register)
  local at = event.occurred_at or event.arrived_at or now
  if register.active_at and at <= tonumber(register.active_at) then
    return {verdict = 'ignored', reason = 'stale'}
  end
  if register.state == 'deleted' then
    return {verdict = 'ignored', reason = 'already_deleted'}
  end
  if register.state == 'cancelled' then
    return {verdict = 'ignored', reason = 'cancelled_by_operator'}
  end
  if not register.inactive_at or at > tonumber(register.inactive_at) then
    redis.call('HSET', name, 'inactive_at', at, 'inactive_signed', event.occurred_at and 1 or 0)
  end
  redis.call('HSET', name, 'state', 'inactive', 'updated_at', now)
  local open = open_deletion(register)
  if open and open.epoch == (register.epoch or '0') then
    decide(open.id, now, 'joined', {delivery_id = delivery.id})
    return {verdict = 'accepted', reason = 'joined', deletion_id = open.id}
  end
  local job = create(event.deletion_id, now, look_again, {
    source = delivery.source, vendor = delivery.vendor, client = event.client,
    epoch = register.epoch or '0', request = event.request, actor = event.actor,
    delivery_id = delivery.id, callback_url = event.callback_url,
    replayed_by = operator,
  })
  redis.call('HSET', name, 'deletion_id', event.deletion_id)
  return {verdict = 'accepted', reason = 'created', deletion_id = event.deletion_id, job = job}
end

local function reactivated(event, name, register)
  local at = event.occurred_at or event.arrived_at or now
  -- Only two signed times can be put in order; in doubt the client is active. In a replay two times of
  -- arrival can be, too: that is the order in which both would have been handled.
  local signed = register.inactive_signed == '1'
  local comparable = event.occurred_at and signed
    or operator and event.arrived_at and not event.occurred_at and not signed
  if comparable and register.inactive_at and at < tonumber(register.inactive_at) then
    return {verdict = 'ignored', reason = 'stale'}
  end
  local newest = math.max(at, tonumber(register.active_at or 0))
  redis.call('HSET', name, 'state', 'active', 'active_at', newest, 'updated_at', now)
  redis.call('HINCRBY', name, 'epoch', 1)
  local open = open_deletion(register)
  local newest_one = open or register.deletion_id and load(key('deletion', register.deletion_id)) or {}
  local called = newest_one.intent_state == 'open' or newest_one.intent_state == 'accepted'
  -- One that was given up, its call unanswered or unproved, may have worked or may yet do so.
  local given_up = not open and newest_one.state ~= 'deleted' and newest_one.epoch == (register.epoch or '0')
  if called and (open or given_up) then
    decide(newest_one.id, now, 'reactivated_too_late', {delivery_id = delivery.id})
    return {
      verdict = 'ignored', reason = 'too_late', deletion_id = newest_one.id,
      alert = 'reactivated_after_call',
    }
  end
  if not open then
    local alert = register.state == 'deleted' and 'reactivated_after_deletion' or nil
    return {verdict = 'ignored', reason = 'client_active', alert = alert}
  end
  decide(open.id, now, 'reactivated', {delivery_id = delivery.id})
  finish(open.id, 'cancelled', now, event.cancelled)
  return {verdict = 'cancelled', reason = 'reactivated', deletion_id = open.id}
end

-- A sender's gapless counter shows what never arrived.
local function missing_before(event)
  if not event.counter then
    return nil
  end
  local name = key('sequences', delivery.source)
  local newest = tonumber(redis.call('HGET', name, event.counter) or event.number - 1)
  if event.number > newest then
    redis.call('HSET', name, event.counter, event.number)
  end
  local missing = event.number - newest - 1
  return missing > 0 and missing or nil
end

local function handle(event)
  local seen = key('event', delivery.source, event.event_id)
  local known = redis.call('HMGET', seen, 'delivery_id', 'deletion_id', 'idle')
  -- What had no effect is no reason to drop what follows: not in a replay, and not if it is still not
  -- understood, for then each of them is kept to be replayed.
  local anew = known[3] == '1' and (operator or event.kind == 'rejected')
  if known[1] and not anew then
    return {verdict = 'duplicate', reason = 'event_id', deletion_id = known[2] or nil}
  end
  local receipt
  if event.kind == 'ignored' or event.kind == 'rejected' then
    receipt = {verdict = event.kind, reason = event.reason}
  else
    local name = key('register', delivery.source, event.client)
    local register = load(name)
    receipt = event.kind == 'request' and request(event, name, register)
      or reactivated(event, name, register)
  end
  local missing = missing_before(event)
  if missing then
    receipt.alert, receipt.missing = receipt.alert or 'sequence_gap', missing
  end
  receipt.alert = receipt.alert or event.alert
  -- Whether it had no effect, so that it may be handled once more.
  local idle = receipt.verdict == 'rejected'
    or receipt.verdict == 'ignored' and receipt.reason ~= 'client_active' and receipt.reason ~= 'too_late'
  redis.call('HSET', seen, 'delivery_id', delivery.id, 'idle', idle and 1 or 0)
  if receipt.deletion_id then
    redis.call('HSET', seen, 'deletion_id', receipt.deletion_id)
  end
  redis.call('PEXPIRE', seen, retention)
  return receipt
end

-- What a person must hear of. A sender repeats itself, so what comes again is told once an hour.
local function tell(event, receipt)
  local alert, hour = receipt.alert, 3600000
  if alert == 'reactivated_after_call' or alert == 'reactivated_after_deletion' then
    local register = key('register', delivery.source, event.client)
    notice(now, alert, {
      source = delivery.source, client = event.client, delivery_id = delivery.id,
      deletion_id = receipt.deletion_id or redis.call('HGET', register, 'deletion_id') or nil,
    })
  end
  if receipt.missing then
    notice(now, 'sequence_gap', {
      source = delivery.source, missing = receipt.missing, delivery_id = delivery.id,
    }, delivery.source, hour)
  end
  if event.alert then
    local kind = receipt.reason == 'webhook_deactivated' and 'source_deactivated' or 'source_alert'
    notice(now, kind, {
      source = delivery.source, says = event.alert, delivery_id = delivery.id,
    }, delivery.source .. ':' .. receipt.reason, hour)
  end
end

local receipts, strongest = {}, nil
for _, event in ipairs(events) do
  local receipt = handle(event)
  receipt.event_id, receipt.detail = event.event_id, event.detail
  receipts[#receipts + 1] = receipt
  if not strongest or RANK[receipt.verdict] > RANK[strongest.verdict] then
    strongest = receipt
  end
  if not operator then
    redis.call('HINCRBY', key('counts', 'verdicts', delivery.source), receipt.verdict, 1)
  end
  audit(now, 'event', {
    source = delivery.source, delivery_id = delivery.id, event_id = receipt.event_id,
    verdict = receipt.verdict, reason = receipt.reason, deletion_id = receipt.deletion_id,
    alert = receipt.alert, operator = operator,
  })
  if receipt.alert then
    redis.call('HSET', key('sources', 'alerts', delivery.source), receipt.alert, now)
    tell(event, receipt)
  end
end

local outcome = cjson.encode(receipts)
local name = key('delivery', delivery.id)
if operator then
  local generation = tonumber(stored[2] or 1)
  redis.call('RPUSH', key('history', delivery.id), cjson.encode({
    generation = generation, verdict = stored[3], reason = stored[4], events = stored[1], replayed_at = now,
    operator = operator,
  }))
  redis.call('HSET', name, 'generation', generation + 1)
  redis.call('HSET', key('replayed', delivery.id), token, generation + 1)
else
  local received_at = delivery.received_at or now
  redis.call('HSET', name, 'id', delivery.id, 'source', delivery.source, 'vendor', delivery.vendor,
    'received_at', received_at, 'headers', delivery.headers, 'body', body)
  redis.call('ZADD', key('deliveries'), received_at, delivery.id)
  redis.call('HSET', key('sources', 'last'), delivery.source, now)
end
redis.call('HSET', name, 'verdict', strongest.verdict, 'reason', strongest.reason,
  'deletion_id', strongest.deletion_id or '', 'events', outcome)
return outcome
