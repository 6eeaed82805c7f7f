-- Deliveries become durable, are deduplicated, read and write the clients' registers, and create, join or
-- cancel deletions, each of them all or nothing. Or a stored one is read anew: what had no effect the first
-- time may have one now. One that says again what was handled, byte for byte, is counted with the first
-- of its kind and not stored: each receipt then names that as `repeat_of`. So is what is still not
-- understood, while the first of its kind holds what it would hold; and that a client is active still,
-- which without an id of the vendor's is handled each time it is said.
-- What a PSA said when it was asked (`caught_up`, one event) is not stored where it is no news.
-- KEYS: counts:caught_up:*, counts:verdicts:*, deletion:*, deliveries, deliveries:ignored, delivery:*, due,
--       event:*:*, history:*, holding:*, holds:told, in_force, order, register:*:*, replayed:*, sequences:*,
--       sources:alerts:*, sources:last, told:rejected_event:*
-- ARGV: of each delivery 15: now, look_again, retention, jobs on the way to the queue, id, source, vendor,
--       received_at ('': now), caught_up ('1' or ''), headers (JSON), digest, body, events (JSON array);
--       of a replay operator and token, else '' twice
-- Answer: of each delivery its receipts (JSON array), of a replay {refused = why} (JSON), or its error
local EACH = 15
local MOST_OF_A_NAME = 20

-- Deliveries are recorded one by one, each as if it were alone: one that fails has its error, and what is
-- written for all of them is written at the end.
note_many()
local now, look_again, retention, delivery, body, events, operator, token, stored
-- What came before, byte for byte, and is not understood yet.
local still_rejected
-- Receipts of what ended a person's no: that is news, however often it was said.
local news_of = {}
-- The key of the first event, whose record remembers which delivery brought these bytes; which one it
-- remembers, and whether it remembers this one.
local first_seen, first, remembered
-- Of all deliveries: how many of which verdict, when the newest of a source came, whether a source holds
-- anything, and the organizations of new deletions.
local counted, latest, holds, orgs = {}, {}, {}, {}

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

-- The registers of an event: its client's own first, then those of the other identities it states.
local function registers_of(event)
  local found = {{client = event.client, name = key('register', delivery.source, event.client)}}
  for _, client in ipairs(event.also or {}) do
    if client ~= event.client then
      found[#found + 1] = {client = client, name = key('register', delivery.source, client)}
    end
  end
  for _, each in ipairs(found) do
    each.register = load(each.name)
  end
  return found
end

-- The identities of an event, each true.
local function own(known)
  local mine = {}
  for _, each in ipairs(known) do
    mine[each.client] = true
  end
  return mine
end

-- Other clients that are active under the same name, as far as they have a number to be told apart by.
local function namesakes(register, mine)
  local found = {}
  for _, client in ipairs(register.named_by and list(register.named_by) or {register.active_by}) do
    if not mine[client] then
      found[#found + 1] = client
    end
  end
  return register.state == 'active' and found or {}
end

-- Whether a deletion was made up for before its event came.
local function made_up(deletion)
  return redis.call('HEXISTS', key('delivery', deletion.delivery_id), 'caught_up') == 1
end

-- Whether two requests ask for the same, whatever their words for why. An event may lack the `name` that
-- its PSA said when it was asked.
local function same(request, other, name)
  local mine, theirs = cjson.decode(request), cjson.decode(other)
  if name and not theirs.org_name then
    mine.org_name = nil
  end
  mine.reason, theirs.reason = nil, nil
  local function within(one, two)
    for name, value in pairs(one) do
      if type(value) == 'table' then
        if type(two[name]) ~= 'table' or not within(value, two[name]) then
          return false
        end
      elseif two[name] ~= value then
        return false
      end
    end
    return true
  end
  return within(mine, theirs) and within(theirs, mine)
end

-- Nobody waits for what was said of it: it is due now.
local function look_again_at(deletion)
  -- Who holds it is stopped by what it watches; after the call only looking counts.
  if deletion.state == 'running' or sent(deletion) then
    return
  end
  redis.call('HSET', key('deletion', deletion.id), 'step', 'plan', 'ready_at', now)
  redis.call('ZADD', key('due'), now, deletion.id)
end

-- Of two times within one second, one of which is whole, nobody knows which one is the later.
local function same_moment(one, two)
  if not one or not two or one == two then
    return one == two
  end
  return (one % 1000 == 0 or two % 1000 == 0) and math.floor(one / 1000) == math.floor(two / 1000)
end

-- Whether it comes now, after all that is known: it did not wait for its proof or for this server.
local function comes_now(event)
  return event.came and event.came >= now
end

-- Whether what comes now, and lay ahead of our clock and was cut to it, is later than that by its sender's
-- clock: ours went back then, or another service's is ahead.
local function later_by_its_own(event, at, claimed)
  return comes_now(event) and event.claims and at and event.claims > math.max(at, tonumber(claimed or 0))
end

-- A time, and what it was before it was cut to our clock; where it was not, and none is to be taken back,
-- that is left out.
local function add_time(said, name, at, claims, register)
  said[#said + 1] = name .. '_at'
  said[#said + 1] = at
  if claims or register[name .. '_claims'] then
    said[#said + 1] = name .. '_claims'
    said[#said + 1] = claims or 0
  end
end

-- What a client is called by the newest event that names it, whichever comes last.
local function add_name(said, event, at, register)
  if given(event.name) and at >= tonumber(register.name_at or 0) then
    said[#said + 1] = 'name'
    said[#said + 1] = event.name
    said[#said + 1] = 'name_at'
    said[#said + 1] = at
  end
end

-- Writes what is `said` of a client. What came later without a time of its own does not make a signed one
-- forgotten.
local function keep_signed(each, event, said)
  if event.occurred_at and event.occurred_at > tonumber(each.register.signed_inactive_at or 0) then
    add_time(said, 'signed_inactive', event.occurred_at, event.claims, each.register)
  end
  if #said > 0 then
    redis.call('HSET', each.name, unpack(said))
  end
end

-- What a mode does, from the mildest to the hardest.
local MODES = {preview = 1, soft_delete = 2, delete = 3}

-- The clients that were inactive under an identity that others may have, the newest last.
local function inactive_by(register, client)
  local found = {}
  for _, each in ipairs(list(register.inactive_by)) do
    if each ~= client then
      found[#found + 1] = each
    end
  end
  found[#found + 1] = client
  if #found > MOST_OF_A_NAME then
    table.remove(found, 1)
  end
  return cjson.encode(found)
end

local function request(event, known)
  local register = known[1].register
  local at = event.occurred_at or event.arrived_at or now
  local doubts = {}
  for _, each in ipairs(known) do
    local active_at = tonumber(each.register.active_at)
    -- Without a signed time, what comes now or came after it is not older than it, though both were
    -- proved late.
    local after = not event.occurred_at and event.came
      and (comes_now(event) or event.came > (tonumber(each.register.active_came) or math.huge))
      or later_by_its_own(event, active_at, each.register.active_claims)
    local equal = active_at and same_moment(at, active_at)
    if active_at and at < active_at and not after and not equal then
      return {verdict = 'ignored', reason = 'stale'}
    end
    -- That it came later says nothing where its own time is not after one that lay ahead.
    local ahead = (event.claims or at) <= tonumber(each.register.active_claims or 0)
    if (equal or ahead or active_at and at < active_at) and #doubts == 0 then
      -- Two saves within one second: which one was the last a person must say.
      doubts[1] = 'order_unknown'
    end
  end
  local asked = cjson.decode(event.request)
  if register.state == 'deleted' or CANCELLED[register.state] or register.cancelled_at then
    -- It makes nothing, but an older word that the client is active does not end that.
    if not asked.dry_run then
      keep_signed(known[1], event, {})
    end
    return {verdict = 'ignored',
      reason = register.state == 'deleted' and 'already_deleted' or 'cancelled_by_operator'}
  end
  if not event.occurred_at then
    doubts[#doubts + 1] = 'time_missing'
  end
  -- What waited for its proof, or in the spool, was sent under the file of then, and nobody decided by
  -- that of now; whoever has it read again does.
  local waited = event.came and not comes_now(event) and not operator
  if waited and event.came < tonumber(redis.call('HGET', key('in_force'), 'at') or 0) then
    doubts[#doubts + 1] = 'before_configuration'
  end
  local identities, mine = {}, own(known)
  for _, each in ipairs(known) do
    identities[#identities + 1] = {delivery.source, each.client}
  end
  local open = open_deletion(register)
  -- What was asked for under a milder mode will do less than this one asks for.
  local joins = open and open.epoch == (register.epoch or '0') and same(open.request, event.request, made_up(open))
    and (MODES[event.asked_mode] or 0) <= (MODES[open.asked_mode] or 3)
  -- A rehearsal says nothing of the client.
  if not asked.dry_run then
    for place, each in ipairs(known) do
      -- A name that another client has, which is active, stays so.
      local others = place > 1 and namesakes(each.register, mine) or {}
      if each.register.named_by then
        redis.call('HSET', each.name, 'named_by', #others > 0 and cjson.encode(others) or '[]')
      end
      if #others == 0 then
        -- Nobody can say whether it is active, whoever asks for its deletion.
        local said = {'state', doubts[1] == 'order_unknown' and 'contested' or 'inactive', 'updated_at', now}
        if not each.register.inactive_at or at > tonumber(each.register.inactive_at) then
          add_time(said, 'inactive', at, event.claims, each.register)
          said[#said + 1] = 'inactive_signed'
          said[#said + 1] = event.occurred_at and 1 or 0
        end
        if place > 1 or each.register.inactive_by then
          said[#said + 1] = 'inactive_by'
          said[#said + 1] = inactive_by(each.register, event.client)
        end
        if place == 1 then
          add_name(said, event, at, each.register)
        end
        if place == 1 and not joins then
          said[#said + 1] = 'deletion_id'
          said[#said + 1] = event.deletion_id
        end
        keep_signed(each, event, said)
      end
    end
  end
  if joins then
    decide(open.id, now, 'joined', {delivery_id = delivery.id})
    return {verdict = 'accepted', reason = 'joined', deletion_id = open.id}
  end
  local job = create(event.deletion_id, now, look_again, {
    source = delivery.source, vendor = delivery.vendor, client = event.client,
    epoch = register.epoch or '0', request = event.request, actor = event.actor,
    delivery_id = delivery.id, callback_url = event.callback_url, said_at = at,
    replayed_by = operator, read_by = event.read_by,
    asked_mode = given(event.asked_mode), asked_as = given(event.asked_as),
    forms = event.forms or '[]',
    identities = cjson.encode(identities), doubts = #doubts > 0 and cjson.encode(doubts) or nil,
    known_name = register.name,
  }, asked, identities)
  orgs[event.deletion_id] = asked.org_id or ''
  doubt_before_acceptance(event.deletion_id, event.occurred_at)
  return {verdict = 'accepted', reason = 'created', deletion_id = event.deletion_id, job = job}
end

-- The open deletions that know the client by one of these identities, each once.
local function watchers(known)
  local found, seen = {}, {}
  local function add(id)
    if id and not seen[id] then
      seen[id] = true
      local deletion = load(key('deletion', id))
      if deletion.state and not TERMINAL[deletion.state] then
        found[#found + 1] = deletion
      end
    end
  end
  for _, each in ipairs(known) do
    add(each.register.deletion_id)
    for _, id in ipairs(redis.call('SMEMBERS', watching({delivery.source, each.client}))) do
      add(id)
    end
  end
  return found
end

local function newest(before, at)
  return math.max(at, tonumber(before or 0))
end

-- Whether it is newer beyond doubt than all that said that its client is inactive. What says so next asks anew:
-- a no that came after both refuses that, and tells, where an ignored event would be lost.
local function newer_than_inactive(event, register)
  local at = math.max(tonumber(register.inactive_at or 0), tonumber(register.signed_inactive_at or 0))
  local claims = math.max(tonumber(register.inactive_claims or 0), tonumber(register.signed_inactive_claims or 0))
  return event.occurred_at and register.inactive_signed == '1' and event.occurred_at > at
    and not same_moment(event.occurred_at, at) and (event.claims or event.occurred_at) > claims
end

local function reactivated(event, known)
  write_added()
  local register = known[1].register
  -- What is proved late without a time of its own did not happen after it came.
  local at = event.occurred_at or event.arrived_at or event.came or now
  -- Only two signed times can be put in order; in doubt the client is active. In a replay two times of
  -- arrival can be, too: that is the order in which both would have been handled.
  local stale, equal = true, false
  for _, each in ipairs(known) do
    local kept = each.register
    local inactive_at, claims
    if event.occurred_at and kept.signed_inactive_at then
      inactive_at, claims = kept.signed_inactive_at, kept.signed_inactive_claims
    elseif (event.occurred_at ~= nil) == (kept.inactive_signed == '1')
      and (event.occurred_at or operator and event.arrived_at) then
      inactive_at, claims = kept.inactive_at, kept.inactive_claims
    end
    inactive_at = tonumber(inactive_at)
    -- A time that lay ahead is not when it was, so only what is later by its own time is.
    local ahead = inactive_at and (event.claims or at) <= tonumber(claims or 0)
    local same = inactive_at and (ahead or same_moment(inactive_at, at))
    stale = stale and inactive_at and at < inactive_at and not same
      and not later_by_its_own(event, inactive_at, claims)
    equal = equal or same or event.again
  end
  if stale then
    return {verdict = 'ignored', reason = 'stale'}
  end
  local open = watchers(known)
  if equal then
    -- Two saves within one second: neither is dropped, and a person says which one was the last.
    local asked
    for _, deletion in ipairs(open) do
      if deletion.source == delivery.source and not sent(deletion) then
        -- Each word is a doubt of its own: nobody was shown it who was shown the one before.
        doubt(deletion.id, 'order_unknown@' .. delivery.id)
        decide(deletion.id, now, 'order_unknown', {delivery_id = delivery.id})
        look_again_at(deletion)
        asked = deletion.id
      end
    end
    if asked then
      -- When it was active is kept, so that one more inactive word of this moment is in doubt, too.
      for _, each in ipairs(known) do
        redis.call('HSET', each.name, 'state', 'contested', 'active_at', newest(each.register.active_at, at),
          'active_claims', event.claims or 0, 'active_seen', now, 'contested_by', delivery.id,
          'active_came', newest(each.register.active_came, event.came or now), 'updated_at', now)
      end
      for _, deletion in ipairs(open) do
        look_again_at(deletion)
      end
      return {verdict = 'ignored', reason = 'order_unknown', deletion_id = asked}
    end
  end
  local order = redis.call('INCR', key('order'))
  MANY.order = order
  local mine, ends_no = own(known), false
  for _, each in ipairs(known) do
    for _, no in ipairs({'declined', 'cancelled_at'}) do
      if each.register[no] and at > tonumber(each.register[no]) then
        redis.call('HDEL', each.name, no)
        ends_no = true
      end
    end
    if each.register.cancelled_at and newer_than_inactive(event, each.register) then
      redis.call('HDEL', each.name, 'cancelled_at')
    end
    local others = namesakes(each.register, mine)
    if #others > 0 or each.register.named_by then
      others[#others + 1] = event.client
      redis.call('HSET', each.name, 'named_by', cjson.encode(others))
    end
    redis.call('HSET', each.name, 'state', 'active', 'active_at', newest(each.register.active_at, at),
      'active_by', event.client, 'active_claims', event.claims or 0,
      'active_order', order, 'active_seen', now,
      'active_came', newest(each.register.active_came, event.came or now), 'updated_at', now)
    redis.call('HINCRBY', each.name, 'epoch', 1)
  end
  local called = {}
  add_name(called, event, at, register)
  if #called > 0 then
    redis.call('HSET', known[1].name, unpack(called))
  end
  local cancelled, too_late
  for _, deletion in ipairs(open) do
    if sent(deletion) then
      decide(deletion.id, now, 'reactivated_too_late', {delivery_id = delivery.id})
      too_late = too_late or deletion.id
    elseif deletion.source == delivery.source then
      decide(deletion.id, now, 'reactivated', {delivery_id = delivery.id})
      finish(deletion.id, 'cancelled', now, event.cancelled)
      cancelled = cancelled or deletion.id
    else
      decide(deletion.id, now, 'active_elsewhere', {
        delivery_id = delivery.id, source = delivery.source, client = event.client,
      })
      look_again_at(deletion)
    end
  end
  -- One that was given up, its call unanswered or unproved, may have worked or may yet do so.
  if not too_late and register.deletion_id then
    local last = load(key('deletion', register.deletion_id))
    if last.state and TERMINAL[last.state] and last.state ~= 'deleted' and sent(last)
      and last.epoch == (register.epoch or '0') then
      decide(last.id, now, 'reactivated_too_late', {delivery_id = delivery.id})
      too_late = last.id
    end
  end
  if cancelled then
    return {
      verdict = 'cancelled', reason = 'reactivated', deletion_id = cancelled,
      alert = too_late and 'reactivated_after_call' or nil, too_late = too_late,
    }
  end
  if too_late then
    return {
      verdict = 'ignored', reason = 'too_late', deletion_id = too_late, alert = 'reactivated_after_call',
    }
  end
  local alert
  for _, each in ipairs(known) do
    alert = alert or each.register.state == 'deleted' and 'reactivated_after_deletion' or nil
  end
  local receipt = {verdict = 'ignored', reason = 'client_active', alert = alert}
  news_of[receipt] = ends_no
  return receipt
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

-- Whether what would be the same event again, without a time of its sender's, says the opposite of what was
-- said since: nobody can say whether it is. What asks for a deletion under an id of its sender's is a repeat.
local function came_back(event)
  if event.occurred_at then
    return false
  end
  if event.kind == 'request' then
    return string.find(event.event_id, '^sha256:%x+$')
      and redis.call('HGET', key('register', delivery.source, event.client), 'state') == 'active'
  end
  -- In a replay it is not said again.
  for _, each in ipairs(event.kind == 'reactivated' and not operator and registers_of(event) or {}) do
    if each.register.declined or each.register.cancelled_at then
      -- It may have been said before a person's no, which stands then.
      return false
    end
    event.again = event.again or each.register.state ~= nil and each.register.state ~= 'active'
  end
  return event.again
end

-- Whether an event's digest is that of the body which the delivery's own is the beginning of.
local function is_body(content)
  return string.sub(content, 1, #delivery.digest) == delivery.digest
end

local function handle(event)
  local seen = key('event', delivery.source, event.event_id)
  local bytes = 'body:' .. delivery.digest
  local known = redis.call('HMGET', seen, 'delivery_id', 'deletion_id', 'idle', 'content', bytes)
  local content = event.content or ''
  local reused
  if known[1] and content ~= '' and known[4] and known[4] ~= '' and known[4] ~= content then
    -- The same id is not the same event: this one has an id of its own from now on.
    reused = event.event_id
    event.event_id = event.event_id .. '#' .. string.sub(content, 1, 16)
    seen = key('event', delivery.source, event.event_id)
    known = redis.call('HMGET', seen, 'delivery_id', 'deletion_id', 'idle', 'content', bytes)
  end
  -- Where all that came is the event, who brought the one brought the other.
  local brought_by = known[5] or known[4] and is_body(known[4]) and known[1] or nil
  if not first_seen then
    first_seen, first = seen, brought_by
  end
  -- What had no effect is no reason to drop what follows: not in a replay, and not if it was not
  -- understood, for this one may be.
  local anew = known[3] == '2' or known[3] == '1' and (operator or event.kind == 'rejected')
  if known[1] and not anew and not came_back(event) then
    return {verdict = 'duplicate', reason = 'event_id', deletion_id = known[2] or nil}
  end
  if reused then
    notice(now, 'event_id_reused', {
      source = delivery.source, event_id = reused, delivery_id = delivery.id,
    }, delivery.source, 3600000)
  end
  local receipt
  if event.kind == 'ignored' or event.kind == 'rejected' then
    receipt = {verdict = event.kind, reason = event.reason}
    still_rejected[receipt] = known[1] and event.kind == 'rejected'
  else
    local registers = registers_of(event)
    receipt = event.kind == 'request' and request(event, registers) or reactivated(event, registers)
  end
  if reused then
    receipt.alert = receipt.alert or 'event_id_reused'
  end
  local missing = missing_before(event)
  if missing then
    receipt.alert, receipt.missing = receipt.alert or 'sequence_gap', missing
  end
  receipt.alert = receipt.alert or event.alert
  -- Whether it had no effect, so that it may be handled once more.
  local idle = receipt.verdict == 'rejected' and 2
    or receipt.verdict == 'ignored' and receipt.reason ~= 'client_active' and receipt.reason ~= 'too_late' and 1
  local said = {'delivery_id', delivery.id, 'content', content}
  if idle or known[3] then
    said[#said + 1] = 'idle'
    said[#said + 1] = idle or 0
  end
  if receipt.deletion_id then
    said[#said + 1] = 'deletion_id'
    said[#said + 1] = receipt.deletion_id
  end
  remembered = #events == 1 and event.kind ~= 'rejected' and not operator
  brought_by = remembered and delivery.id or brought_by
  if brought_by and (known[5] or brought_by ~= delivery.id or not is_body(content)) then
    said[#said + 1] = bytes
    said[#said + 1] = brought_by
  end
  redis.call('HSET', seen, unpack(said))
  redis.call('PEXPIRE', seen, retention)
  return receipt
end

-- Whether the PSA, asked for what changed, says what is known: an event brought it, its deletion is on
-- its way, or it ended otherwise than by the client's being active. Clocks of one PSA may differ a bit.
local function no_news(event)
  local known, at = registers_of(event), event.occurred_at
  local register = known[1].register
  if event.kind == 'reactivated' then
    for _, each in ipairs(known) do
      local since = tonumber(each.register.active_at or 0)
      if each.register.state ~= 'active' or at and since < at then
        return false
      end
    end
    return true
  end
  if event.kind ~= 'request' or register.state == 'active' or not register.state then
    return false
  end
  local last = register.deletion_id and load(key('deletion', register.deletion_id)) or {}
  if last.state and not TERMINAL[last.state] or register.state == 'deleted' or CANCELLED[register.state] then
    return true
  end
  local slack = last.state == 'cancelled' and 0 or 120000
  return not at or tonumber(register.inactive_at or 0) + slack >= at
end

-- What a person must hear of. A sender repeats itself, so what comes again is told once an hour.
local function tell(event, receipt)
  local alert, hour = receipt.alert, 3600000
  if alert == 'reactivated_after_call' or alert == 'reactivated_after_deletion' then
    local register = key('register', delivery.source, event.client)
    notice(now, alert, {
      source = delivery.source, client = event.client, delivery_id = delivery.id,
      deletion_id = receipt.too_late or receipt.deletion_id or redis.call('HGET', register, 'deletion_id') or nil,
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

local function count(receipt)
  if not operator then
    local of_source = counted[delivery.source] or {}
    counted[delivery.source], of_source[receipt.verdict] = of_source, (of_source[receipt.verdict] or 0) + 1
  end
end

local function audit_event(receipt, delivery_id, repeats)
  audit(now, 'event', {
    source = delivery.source, delivery_id = delivery_id, event_id = receipt.event_id,
    verdict = receipt.verdict, reason = receipt.reason, deletion_id = receipt.deletion_id,
    alert = receipt.alert, operator = operator, repeats = repeats,
  }, orgs[receipt.deletion_id])
end

local function power_of_two(number)
  while number % 2 == 0 do
    number = number / 2
  end
  return number == 1
end

-- One delivery. What it says of itself is in `delivery`, `body` and `events`.
local function receive()
  stored = redis.call('HMGET', key('delivery', delivery.id), 'events', 'generation', 'verdict', 'reason',
    'id', 'received_at')
  stored[1] = stored[1] or stored[5] and receipts_of(delivery.id)
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
  if delivery.caught_up and not operator and no_news(events[1]) then
    return cjson.encode({{verdict = 'duplicate', reason = 'known', event_id = events[1].event_id}})
  end

  local receipts, strongest = {}, nil
  for _, event in ipairs(events) do
    local receipt = handle(event)
    receipt.event_id, receipt.detail = event.event_id, event.detail
    receipts[#receipts + 1] = receipt
    if not strongest or RANK[receipt.verdict] > RANK[strongest.verdict] then
      strongest = receipt
    end
  end

  -- What was not understood holds what it may be about, until it is, or until a person says what it was.
  local held, rejected = {}, nil
  local clients, whole = {}, false
  -- Reading it again tells nothing that the person who dismissed it did not know.
  local dismissed = operator and redis.call('HEXISTS', key('delivery', delivery.id), 'dismissed_at') == 1
  for place, event in ipairs(events) do
    rejected = rejected or receipts[place].verdict == 'rejected' and event.reason or nil
    if receipts[place].verdict == 'rejected' and event.holds ~= false and not dismissed then
      held[#held + 1] = event
      whole = whole or #(event.clients or {}) == 0
      for _, client in ipairs(event.clients or {}) do
        clients[#clients + 1] = client
      end
    end
  end
  -- An empty table would be written as an object.
  local named = (whole or #clients == 0) and '[]' or cjson.encode(clients)

  -- That a client is active has an id of its own each time, if it has none of the vendor's (`Identity`).
  local said_again, still_active = {}, {}
  for place, event in ipairs(events) do
    if event.kind == 'reactivated' and string.find(event.event_id, '^sha256:%x+@') then
      local receipt = receipts[place]
      said_again[#said_again + 1] = event.client
      still_active[receipt] = receipt.reason == 'client_active' and not receipt.alert and not news_of[receipt]
    end
  end

  -- Under its first event it is remembered which delivery brought these bytes. One that was stored
  -- before it was proved, or acknowledged under its own id while Redis was away, keeps its record.
  if #said_again > 0 then
    first_seen = key('event', delivery.source, 'active:' .. redis.sha1hex(cjson.encode(said_again)))
    first, remembered = redis.call('HGET', first_seen, 'body:' .. delivery.digest), false
  end
  if operator or first and redis.call('EXISTS', key('delivery', first)) == 0 then
    first = nil
  end
  local repeated = first and not stored[5] and not delivery.received_at
  for _, receipt in ipairs(receipts) do
    repeated = repeated
      and (receipt.verdict == 'duplicate' or still_rejected[receipt] or still_active[receipt])
  end
  if repeated and #held > 0 then
    -- One that a person dismissed since, or that is read otherwise now, is not held by the first.
    local line = redis.call('HGET', key('holding', delivery.source), first)
    local same_clients = '"clients":' .. named .. '}'
    repeated = line and string.sub(line, -#same_clients) == same_clients
  end

  if repeated then
    local name = key('delivery', first)
    -- The same call again: its first answer was lost on the way.
    if redis.call('HGET', name, 'repeated_as') ~= delivery.id then
      local repeats = redis.call('HINCRBY', name, 'repeats', 1)
      redis.call('HSET', name, 'last_seen', now, 'repeated_as', delivery.id)
      latest[delivery.source] = now
      for _, receipt in ipairs(receipts) do
        count(receipt)
        -- Whoever holds a signed event can send it a million times: told ever more seldom.
        if power_of_two(repeats) then
          audit_event(receipt, first, repeats)
        end
      end
    end
    for _, receipt in ipairs(receipts) do
      receipt.repeat_of = first
      if still_active[receipt] then
        -- Only the same call again, soon, asks for it.
        redis.call('PEXPIRE', key('event', delivery.source, receipt.event_id), 300000)
      end
    end
    return cjson.encode(receipts)
  end

  for place, event in ipairs(events) do
    local receipt = receipts[place]
    count(receipt)
    audit_event(receipt, delivery.id)
    if receipt.alert then
      redis.call('HSET', key('sources', 'alerts', delivery.source), receipt.alert, now)
      tell(event, receipt)
    end
  end

  if holds[delivery.source] == nil then
    holds[delivery.source] = redis.call('EXISTS', key('holding', delivery.source)) == 1
  end
  if #held > 0 then
    redis.call('HSET', key('holding', delivery.source), delivery.id, string.format(
      '{"at":%d,"reason":%s,"clients":%s}', now, cjson.encode(held[1].reason), named))
    redis.call('HSETNX', key('holds', 'told'), delivery.source, 0)
    holds[delivery.source] = true
  elseif holds[delivery.source] then
    -- The same bytes are understood now, whenever they came.
    redis.call('HDEL', key('holding', delivery.source), delivery.id, first or delivery.id)
  end
  if rejected and not operator then
    -- What holds nothing must not be all that is told within the hour.
    local once = #held > 0 and delivery.source or delivery.source .. ':holds_nothing'
    local before = redis.call('EXISTS', key('told', 'rejected_event', once)) == 1
    local told = notice(now, 'rejected_event', {
      source = delivery.source, reason = #held > 0 and held[1].reason or rejected, delivery_id = delivery.id,
      holds = #held > 0, clients = not whole and #clients > 0 and clients or nil,
    }, once, 3600000)
    if #held > 0 and told and not before then
      redis.call('HSET', key('holds', 'told'), delivery.source, now)
    end
  end

  local outcome = cjson.encode(receipts)
  local name = key('delivery', delivery.id)
  local received_at = stored[6]
  if operator then
    local generation = tonumber(stored[2] or 1)
    redis.call('RPUSH', key('history', delivery.id), cjson.encode({
      generation = generation, verdict = stored[3], reason = stored[4], events = stored[1], replayed_at = now,
      operator = operator,
    }))
    redis.call('HSET', name, 'generation', generation + 1)
    redis.call('HSET', key('replayed', delivery.id), token, generation + 1)
    redis.call('HSET', name, 'verdict', strongest.verdict, 'reason', strongest.reason,
      'deletion_id', strongest.deletion_id or '', 'events', outcome)
  else
    received_at = delivery.received_at or now
    if not remembered and (not first or strongest.verdict ~= 'duplicate') then
      redis.call('HSET', first_seen, 'body:' .. delivery.digest, delivery.id)
      redis.call('PEXPIRE', first_seen, retention)
    end
    redis.call('HSET', name, 'id', delivery.id, 'source', delivery.source, 'vendor', delivery.vendor,
      'received_at', received_at, 'headers', delivery.headers, 'body', body, 'verdict', strongest.verdict,
      'reason', strongest.reason, 'deletion_id', strongest.deletion_id or '', 'events', outcome)
    add_to(key('deliveries'), received_at, delivery.id)
    if delivery.caught_up then
      local state = ({request = 'inactive', reactivated = 'active'})[events[1].kind] or 'unread'
      redis.call('HSET', name, 'caught_up', 1)
      redis.call('HINCRBY', key('counts', 'caught_up', delivery.source), state, 1)
    else
      latest[delivery.source] = now
    end
  end
  if strongest.verdict == 'ignored' then
    -- Its body is kept for less long.
    redis.call('ZADD', key('deliveries', 'ignored'), received_at, delivery.id)
  end
  return outcome
end

local answers = {}
for at = 1, #ARGV, EACH do
  now, look_again, retention = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  ON_THE_WAY = math.max(ON_THE_WAY, tonumber(ARGV[at + 3]))
  delivery = {
    id = ARGV[at + 4], source = ARGV[at + 5], vendor = ARGV[at + 6], received_at = given(ARGV[at + 7]),
    caught_up = given(ARGV[at + 8]), headers = ARGV[at + 9], digest = ARGV[at + 10],
  }
  body, operator, token = ARGV[at + 11], given(ARGV[at + 13]), given(ARGV[at + 14])
  still_rejected, first_seen, first, remembered = {}, nil, nil, false
  local decided, answer = pcall(function()
    events = cjson.decode(ARGV[at + 12])
    return receive()
  end)
  answers[#answers + 1] = decided and answer
    or {err = type(answer) == 'table' and answer.err or 'ERR ' .. tostring(answer)}
end
write_many()
for source, verdicts in pairs(counted) do
  for verdict, number in pairs(verdicts) do
    redis.call('HINCRBY', key('counts', 'verdicts', source), verdict, number)
  end
end
for source, at in pairs(latest) do
  redis.call('HSET', key('sources', 'last'), source, at)
end
return answers
