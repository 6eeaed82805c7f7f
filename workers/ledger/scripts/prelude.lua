-- Shared by every script, which follows it in the same chunk. A script is atomic, so each of them
-- is one decision: read, judge, write. Times are milliseconds since the epoch, handed in.
-- On top each says what it decides, the keys that it names itself, its arguments and its answer.
local PREFIX = KEYS[1]

-- RQ's queue. It is kept short, so that whoever comes next is soon served: what finds it full waits in
-- the line of its source. What people ask for has more room.
local QUEUE = 'rq:queue:' .. string.sub(PREFIX, 1, -2)
local SHORT, PEOPLE = 4, 'api'
-- Jobs that were numbered and are not in it yet.
local ON_THE_WAY = 0

local TERMINAL = {
  deleted = true, soft_deleted = true, previewed = true,
  blocked = true, cancelled = true, failed = true,
}

local function key(one, two, three, four)
  if not two then
    return PREFIX .. one
  elseif not three then
    return PREFIX .. one .. ':' .. two
  elseif not four then
    return PREFIX .. one .. ':' .. two .. ':' .. three
  end
  return PREFIX .. one .. ':' .. two .. ':' .. three .. ':' .. four
end

-- The form in which the ledger is written: raised, with a step in take_form.lua, by whoever changes what
-- older releases would misread. Nobody writes into a form that it does not know.
local FORM = 2
local ledger = redis.call('HMGET', key('ledger'), 'form', 'accepted_at')
local written = tonumber(ledger[1] or 0)
if written > FORM then
  return redis.error_reply('NEWERFORM ' .. written .. ' ' .. FORM)
end

local function load(name)
  local flat = redis.call('HGETALL', name)
  local fields = {}
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
  end
  return fields
end

-- Names and values one after the other, as Redis has them.
local function flat(fields)
  local line = {}
  for field, value in pairs(fields) do
    line[#line + 1] = field
    line[#line + 1] = value
  end
  return line
end

local function write(name, fields)
  for field, value in pairs(fields) do
    redis.call('HSET', name, field, value)
  end
end

-- A list that a record keeps as JSON.
local function list(text)
  return cjson.decode(text or '[]')
end

-- A text that may be empty, or nothing.
local function given(text)
  return text ~= '' and text or nil
end

-- What became of each event of a delivery, as JSON, or nothing. A packed one may say it by its fields.
local function receipts_of(id)
  local kept = redis.call('HMGET', key('delivery', id), 'events', 'event_id', 'verdict', 'reason', 'deletion_id',
    'event_job')
  if kept[1] or not kept[2] then
    return kept[1] or nil
  end
  return cjson.encode({{event_id = kept[2], verdict = kept[3], reason = kept[4], deletion_id = kept[5],
    job = kept[6] and tonumber(kept[6]) or nil}})
end

local function with(line, detail)
  for name, value in pairs(detail or {}) do
    line[name] = value
  end
  return line
end

-- Which one of its kind and of this hour something is.
local function number_this_hour(now, ...)
  local name = key(...) .. ':' .. math.floor(now / 3600000)
  local number = redis.call('INCR', name)
  redis.call('PEXPIRE', name, 7200000)
  return number
end

-- The answer to a person who names what is not there: `Store.run` raises it.
local function unknown(kind, id)
  return redis.error_reply('NOTFOUND there is no ' .. kind .. ' ' .. id)
end

local function journal(id, now, entry, detail)
  redis.call('RPUSH', key('journal', id), cjson.encode(with({entry = entry, at = now}, detail)))
end

-- What the newest decision was, after all others; '' if that is not known.
local function tip()
  return redis.call('LINDEX', key('audit', 'tips'), -1) or ''
end

-- One entry for the writer of the audit log. The stream is bounded: what is not taken from it must
-- not fill the memory that the record lives in. The number shows the writer what was dropped. The tip
-- follows from every decision before, so that another past which came as far is told apart.
-- A script that makes many decisions keeps their lines in MANY, with what it adds to indexes that it
-- does not read meanwhile, and writes numbers, tips and these once, at its end. Nobody stops within a
-- script, so only the tip of its last decision is ever asked for; those before it just keep their places.
local MANY
local function note_many()
  MANY = {number = tonumber(redis.call('GET', key('audit', 'number')) or 0), added = {}}
end
local function in_parts(command, name, values)
  for first = 1, #values, 1000 do
    redis.call(command, name, unpack(values, first, math.min(first + 999, #values)))
  end
end
local function write_added()
  for name, members in pairs(MANY and MANY.added or {}) do
    in_parts('ZADD', name, members)
    MANY.added[name] = nil
  end
end
local function write_many()
  write_added()
  if #MANY > 0 then
    local newest, tips = redis.sha1hex(tip() .. table.concat(MANY)), {}
    for place = 1, #MANY do
      tips[place] = MANY.number - #MANY + place .. ':'
    end
    tips[#MANY] = MANY.number .. ':' .. newest
    in_parts('RPUSH', key('audit', 'tips'), tips)
    redis.call('SET', key('audit', 'number'), MANY.number)
    redis.call('LTRIM', key('audit', 'tips'), -1000, -1)
  end
end

-- A new member of a sorted set. Whoever reads or takes from it in the same script lets it be written
-- before. Not for `due`: by that is found what died in between.
local function add_to(name, score, member)
  if not MANY then
    redis.call('ZADD', name, score, member)
    return
  end
  local members = MANY.added[name] or {}
  members[#members + 1] = score
  members[#members + 1] = member
  MANY.added[name] = members
end

local function pending(line, ...)
  local number = MANY and MANY.number + 1 or redis.call('INCR', key('audit', 'number'))
  redis.call('XADD', key('audit', 'pending'), '*', 'n', number, 'entry', line, ...)
  -- Seldom, for each entry's own bound would be written with it, to the disk as well.
  if number % 100 == 0 then
    redis.call('XTRIM', key('audit', 'pending'), 'MAXLEN', '~', 100000)
  end
  if MANY then
    MANY.number, MANY[#MANY + 1] = number, line
  else
    redis.call('RPUSH', key('audit', 'tips'), number .. ':' .. redis.sha1hex(tip() .. line))
    redis.call('LTRIM', key('audit', 'tips'), -1000, -1)
  end
end

-- Decisions are written here by those who decide, in the same script. A `deletion_id` in the detail
-- brings the organization with it, which `org_id` names where it is known ('' for none), and `operator`
-- is the person, if one decided. Nothing secret. The detail is the line from here on: give it away.
local function audit(now, what, line, org_id)
  line.what, line.at = line.what or what, line.at or tonumber(now)
  if line.deletion_id and not line.org_id then
    line.org_id = given(org_id or redis.call('HGET', key('deletion', line.deletion_id), 'org_id'))
  end
  pending(cjson.encode(line))
end

-- A decision about one deletion, for its journal and for the audit log.
local function decide(id, now, entry, detail)
  journal(id, now, entry, detail)
  audit(now, entry, with({deletion_id = id}, detail))
end

-- Whether this is news about a deletion: what is looked at again and again is decided once.
local function news(id, subject, said)
  local name = key('audited', id)
  if redis.call('HGET', name, subject) == said then
    return false
  end
  redis.call('HSET', name, subject, said)
  redis.call('PEXPIRE', name, 7776000000)
  return true
end

-- What people must be told, sent by the outbox. `once` names what is not told twice while it `lasts`.
-- Of one kind no more than thirty an hour are told, and that there are more: who is told too much
-- reads nothing. What a person has to decide on is told each time, within what a sweep may ask for.
local MOST_NOTICES = {approval_wanted = 1000}
local function notice(now, kind, detail, once, lasts)
  local told = given(once) and key('told', kind, once)
  local before = told and redis.call('GET', told)
  if before then
    return before
  end
  local number, most = number_this_hour(now, 'notices', 'rate', kind), MOST_NOTICES[kind] or 30
  if number > most + 1 then
    return nil
  end
  if number == most + 1 then
    detail = {more = true}
  end
  local id = 'ntc_' .. redis.call('INCR', key('notices', 'number'))
  redis.call('HSET', key('notice', id), 'id', id, 'kind', kind, 'at', now, 'detail', cjson.encode(detail))
  redis.call('ZADD', key('notices', 'due'), now, id)
  if told then
    redis.call('SET', told, id, 'PX', lasts or 86400000)
  end
  return id
end

-- The spool that may hold what the ledger has not seen: one that did not say lately that it is empty,
-- or one that has set aside a delivery of these sources.
local function unspooled(now, sources)
  for _, id in ipairs(redis.call('ZRANGE', key('spools'), 0, -1)) do
    if tonumber(redis.call('ZSCORE', key('spools'), id)) < now - 3000 then
      return id
    end
    for _, source in ipairs(list(redis.call('HGET', key('spool', id), 'aside'))) do
      if source == '*' or sources[source] then
        return id
      end
    end
  end
  return nil
end

-- How many decisions this ledger knows of: it only grows.
local function decisions()
  return MANY and MANY.number or tonumber(redis.call('GET', key('audit', 'number')) or 0)
end

-- Whether this is not the ledger that the asker works with, or less of it than he has seen.
local function strange_ledger(id, mark, tip)
  if id == '' or redis.call('HGET', key('ledger'), 'id') ~= id then
    return true
  end
  -- A release without tips may have decided in between; then the one at this place is another's.
  local now = tip ~= '' and redis.call('LINDEX', key('audit', 'tips'), mark - decisions() - 1)
  return decisions() < mark
    or now and now ~= tip and string.match(now, '%d+') == string.match(tip, '%d+')
end

-- Whether this was asked for before an admin accepted that the ledger had been lost.
local function before_acceptance(at)
  return ledger[2] and at < tonumber(ledger[2]) or false
end

-- What a plan finds said of its deletion, so that a person decides.
local function doubt(id, code)
  local doubts = list(redis.call('HGET', key('deletion', id), 'doubts'))
  for _, known in ipairs(doubts) do
    if known == code then
      return
    end
  end
  doubts[#doubts + 1] = code
  redis.call('HSET', key('deletion', id), 'doubts', cjson.encode(doubts))
end

-- A deletion that is older, or whose event was signed before that, never acts by itself.
local function doubt_before_acceptance(id, at)
  if at and before_acceptance(at) then
    doubt(id, 'before_acceptance')
  end
end

local function server_clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Leases are written and judged by the server's clock, for one clock is ahead of no other. `own` is
-- '1' where the asker keeps a time of his own.
local function lease_clock(now, own)
  return own == '1' and now or server_clock()
end

-- Whether this server was seen for the first time just now: it was started, took over, was emptied or is
-- another one. Until all who were told more than it holds have looked, some times each, it grants no call.
-- It is written down in the ledger itself, so that it counts for who comes meanwhile, too.
local ALL_LOOKED = 3000
local function new_server(at)
  local start = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
  local seen = redis.call('HMGET', key('ledger'), 'server', 'server_at')
  if seen[1] ~= start or tonumber(seen[2]) > at then
    redis.call('HSET', key('ledger'), 'server', start, 'server_at', at)
    return true
  end
  return at < tonumber(seen[2]) + ALL_LOOKED
end

-- Whether no service looked at this ledger lately, or none since the server was first seen: what clients say
-- now is heard nowhere, or goes to another server.
local HEARD = 30000
local function unheard(at)
  local seen = redis.call('HMGET', key('ledger'), 'heard_at', 'server_at')
  local heard = tonumber(seen[1] or 0)
  return heard < at - HEARD or heard < tonumber(seen[2] or 0)
end

-- The number of the next taker. By the clock and not by counting: a server that took over after a
-- fail-over may never have heard of the last taker, and must not give that number to another one.
local function next_fence(before, at)
  return math.max(tonumber(before) + 1, at)
end

-- By this is judged what must have passed: a clock that is ahead does not bring it forward.
local function earlier_clock(now, own)
  return own == '1' and now or math.min(now, server_clock())
end

-- Whether the asker's clock is off, beyond the 2 s that are let pass and the time that the question
-- was on its way since the server's clock said `asked`.
local function clock_off(now, asked)
  local server = server_clock()
  return math.abs(server - now) > 2000 + math.max(0, server - asked)
end

-- Whether nothing destructive may be done: somebody paused, or nobody ever permitted it.
local function paused()
  return redis.call('EXISTS', key('running')) == 0 or redis.call('EXISTS', key('paused')) == 1
end

-- Nothing destructive is begun from here on. Of each cause the first word stands.
local function pause(now, cause, by, reason)
  redis.call('DEL', key('running'))
  local line = cjson.encode({by = by, at = tonumber(now), reason = reason})
  local operator = given(by)
  if redis.call('HSETNX', key('paused'), cause, line) == 0 then
    local before = redis.call('HGET', key('paused'), cause)
    if operator and before ~= line then
      audit(now, 'paused', {operator = operator, cause = cause, reason = reason, already = true})
    end
    return before
  end
  audit(now, 'paused', {operator = operator, cause = cause, reason = reason})
  local kind = cause == 'ledger_lost' and cause or 'paused'
  notice(now, kind, {by = operator, cause = cause, reason = reason})
  return line
end

local function set_state(id, from, to, now)
  if from ~= to then
    if from and from ~= '' then
      redis.call('ZREM', key('deletions', from), id)
    end
    local created = redis.call('HGET', key('deletion', id), 'created_at')
    redis.call('ZADD', key('deletions', to), created, id)
  end
  redis.call('HSET', key('deletion', id), 'state', to, 'updated_at', now)
end

-- Something is to be sent, from now on.
local function enter_outbox(callback, now, ...)
  redis.call('HSET', key('callback', callback), 'id', callback, 'state', 'pending', 'attempts', 0,
    'created_at', now, 'lease_until', 0, 'fence', 0, ...)
  redis.call('ZADD', key('callbacks', 'due'), now, callback)
end

-- A result or a summary enters the outbox; `of` is the record that it is about.
local function post(callback, of, now, ...)
  enter_outbox(callback, now, ...)
  redis.call('ZADD', key('callbacks'), now, callback)
  redis.call('ZADD', key('callbacks', 'of', of), now, callback)
end

-- The first result of a deletion's generation.
local function result_of(id, generation)
  return 'cb_' .. string.sub(id, 5) .. '_' .. generation
end

-- The fields of a result that is kept with its deletion (`pack.lua`), by the id of either; nothing if it
-- is not.
local function received(id)
  local owner = string.match(id, '^cb_(.+)_%d+$')
  owner = owner and 'del_' .. owner or id
  local kept = redis.call('HMGET', key('deletion', owner), 'received', 'generation', 'finished_at')
  local attempts, status, made_at, answer = string.match(kept[1] or '', '^(%d+) (%d*) (%d*) (.*)$')
  local callback = attempts and result_of(owner, kept[2])
  return callback and (id == owner or id == callback) and {
    id = callback, state = 'delivered', attempts = attempts, created_at = given(made_at) or kept[3],
    deletion_id = owner, generation = kept[2], last_status = status, last_answer = answer,
  } or nil
end

-- A callback is sent no more: its record, its people and the audit log say why.
local function give_up(id, callback, now, why, code)
  local name = key('callback', id)
  redis.call('HSET', name, 'state', 'dead', 'lease_until', 0, 'last_answer', why, 'updated_at', now)
  redis.call('HDEL', name, 'waits_for')
  redis.call('ZREM', key('callbacks', 'due'), id)
  local about = callback.notice_id or callback.deletion_id
  if about ~= '' then
    journal(about, now, callback.notice_id and 'notification' or 'callback', {
      attempt = tonumber(callback.attempts) + 1, state = 'dead', why = why,
    })
  end
  audit(now, 'callback', {
    deletion_id = given(callback.deletion_id), callback_id = id,
    notice_id = callback.notice_id, state = 'dead', why = code,
  })
  if callback.notice_id then
    redis.call('PEXPIRE', name, 2592000000)
    redis.call('PEXPIRE', key('journal', about), 2592000000)
  else
    notice(now, 'callback_exhausted', {deletion_id = callback.deletion_id, callback_id = id})
  end
end

-- Whether a call went out that may have worked.
local function sent(deletion)
  return deletion.intent_state == 'open' or deletion.intent_state == 'accepted'
end

-- Whether only looking can end it: a DELETE went out. A status is simply set again.
local function unsettled(deletion)
  return deletion.intent_kind == 'delete' and sent(deletion)
end

-- The organization is free for others, if it was this deletion's.
local function release(org_id, id)
  if redis.call('HGET', key('claims'), org_id) == id then
    redis.call('HDEL', key('claims'), org_id)
  end
end

-- How often a client became active, by its source's word.
local function epoch_of(source, client)
  return redis.call('HGET', key('register', source, client), 'epoch') or '0'
end

-- The clients that a deletion is about, {source, client} each: those its event named, those it watches.
local function clients_of(deletion)
  local found = list(deletion.watch)
  for _, client in ipairs(list(deletion.identities)) do
    found[#found + 1] = client
  end
  return found
end

-- Which open deletions are about a client.
local function watching(client)
  return key('watching', client[1], client[2])
end

local function watch_clients(id, clients)
  for _, client in ipairs(clients) do
    redis.call('SADD', watching(client), id)
  end
end

local function unwatch_clients(id, deletion)
  for _, client in ipairs(clients_of(deletion)) do
    redis.call('SREM', watching(client), id)
  end
end

-- Part of the result, so fixed with it: every attempt of its callback names the same head.
local function fix_audit_head(id)
  local head = redis.call('HMGET', key('audit', 'head'), 'seq', 'hash')
  redis.call('HSET', key('deletion', id), 'audit_head', head[1] and head[1] .. ':' .. head[2] or '')
end

-- What Unglue deleted, for as long as somebody may look whether an account lacks more than that.
local function deleted_by_us(org_id, now)
  redis.call('ZADD', key('gone'), now, org_id)
  redis.call('ZREMRANGEBYSCORE', key('gone'), '-inf', now - 2592000000)
end

-- The end of a deletion: whatever ends it, the claim, the register and the callback follow here.
local function finish(id, state, now, errors)
  local name = key('deletion', id)
  local deletion = load(name)
  set_state(id, deletion.state, state, now)
  redis.call('HSET', name, 'errors', errors, 'finished_at', now, 'lease_until', 0)
  -- Who replays it asks under the policy of then.
  redis.call('HDEL', name, 'policy_then')
  local gone = state == 'deleted' or state == 'soft_deleted'
  if not gone then
    redis.call('HSET', name, 'ended_after', decisions())
  end
  unwatch_clients(id, deletion)
  redis.call('ZREM', key('due'), id)
  redis.call('ZADD', key('unpacked'), now, id)
  journal(id, now, 'ended', {state = state})
  -- Read as text: a message may quote half a character, which cjson refuses, and a deletion must be
  -- able to end. No message can hold this itself, for its quotes are escaped.
  local codes = {}
  for code in string.gmatch(errors, '"code": "(%w+)"') do
    codes[#codes + 1] = code
  end
  audit(now, 'ended', {deletion_id = id, state = state, errors = #codes > 0 and codes or nil})
  redis.call('HINCRBY', key('counts', 'ended'), table.concat({deletion.source or '', state, codes[1] or ''}, '|'), 1)
  redis.call('DEL', key('audited', id))
  fix_audit_head(id)

  if state == 'failed' then
    local kind = codes[1] == 'DeletionUnverified' and 'unverified_deletion' or 'failed'
    notice(now, kind, {deletion_id = id})
  elseif state == 'blocked' and not cjson.decode(deletion.request).dry_run then
    notice(now, 'blocked', {deletion_id = id})
  end

  if state == 'deleted' then
    -- A day later somebody looks whether the PSA's sync created it anew.
    redis.call('ZADD', key('aftercare', 'due'), now + 86400000, id)
    deleted_by_us(deletion.intent_org, now)
  elseif state == 'failed' and codes[1] == 'DeletionUnverified' then
    -- Somebody goes on looking, daily for a week.
    redis.call('ZADD', key('aftercare', 'due'), now + 86400000, id)
  end

  -- A call that IT Glue accepted, or may yet carry out, keeps the organization claimed: nobody
  -- else may send a second one while the outcome is open.
  if not unsettled(deletion) or state == 'deleted' then
    release(deletion.intent_org or '', id)
  end

  if gone and deletion.client ~= '' and epoch_of(deletion.source, deletion.client) == deletion.epoch then
    redis.call('HSET', key('register', deletion.source, deletion.client), 'state', 'deleted')
  end

  if deletion.callback_url ~= '' then
    post(result_of(id, deletion.generation), id, now, 'deletion_id', id, 'generation', deletion.generation)
  end
end

-- Who ended a deletion and how. The same, said again, is the same decision: its first answer was lost
-- on the way, or nobody could say then that it was on disk.
local function stopped_as(entry, detail)
  return table.concat({entry, detail.operator, redis.sha1hex(detail.reason or '')}, ':')
end

-- A person's no belongs to the organization: to the one that was planned or, where nobody looked yet, under
-- every form in which the request knows it. It stands until a register of its client has moved on.
-- `number`: who asked or replayed before that many decisions did not know of it, whatever clocks say.
local function decline(deletion, now, entry, detail)
  local named, watch = list(deletion.watch), {}
  for _, client in ipairs(#named > 0 and named or list(deletion.identities)) do
    watch[#watch + 1] = {client[1], client[2], epoch_of(client[1], client[2]), client[5]}
  end
  local line = cjson.encode({
    by = detail.operator, at = tonumber(now), reason = detail.reason, how = entry,
    deletion_id = deletion.id, watch = watch, number = decisions(),
  })
  -- By its link it is the same client, should IT Glue have made the organization anew.
  local forms = {}
  for _, form in ipairs(list(deletion.forms)) do
    if not deletion.plan or string.find(form, 'psa:', 1, true) == 1 then
      forms[#forms + 1] = form
    end
  end
  if given(deletion.org_id) then
    forms[#forms + 1] = 'org:' .. deletion.org_id
  end
  for _, form in ipairs(forms) do
    redis.call('HSET', key('declined'), form, line)
  end
  -- Who says after that that it is active ends it, however often he said so before.
  for _, client in ipairs(watch) do
    local register = key('register', client[1], client[2])
    if redis.call('EXISTS', register) == 1 then
      redis.call('HSET', register, 'declined', now)
    end
  end
end

-- What persons said no to under these forms, and when Unglue deleted it, in one word: where it differs,
-- somebody said something, or deleted it, since.
local function noes_under(forms)
  local said = {}
  for _, form in ipairs(forms) do
    local line = redis.call('HGET', key('declined'), form)
    if line then
      said[#said + 1] = form .. '=' .. line
    end
    local deleted = redis.call('ZSCORE', key('gone'), string.match(form, '^org:(.+)$') or '')
    if deleted then
      said[#said + 1] = form .. ' deleted ' .. deleted
    end
  end
  return #said > 0 and redis.sha1hex(table.concat(said, '\n')) or ''
end

-- The forms under which a deletion's last look heard noes, and whether any was said since.
local function known_under(deletion)
  return list(deletion.plan_forms or deletion.forms)
end
local function noes_unseen(deletion)
  return noes_under(known_under(deletion)) ~= (deletion.plan_noes or '')
end

-- The states of a register whose deletion a person stopped, and of one whose source said both of one
-- moment: that stays true for whoever else asks.
local CANCELLED = {cancelled = true, cancelled_contested = true}
local CONTESTED = {contested = true, cancelled_contested = true}

-- A person ends a deletion: its client's further events are ignored until it was active again, after that.
-- That an older word comes late, or another client's, changes the state and does not end it.
local function stop(deletion, now, entry, detail, errors)
  local name = key('deletion', deletion.id)
  redis.call('HSET', name, 'stopped', stopped_as(entry, detail))
  if noes_unseen(deletion) then
    redis.call('HSET', name, 'stopped_unseen', 1)
  end
  decide(deletion.id, now, entry, detail)
  if not cjson.decode(deletion.request).dry_run then
    decline(deletion, now, entry, detail)
    if deletion.client ~= '' and epoch_of(deletion.source, deletion.client) == deletion.epoch then
      local register = key('register', deletion.source, deletion.client)
      redis.call('HSET', register, 'updated_at', now, 'cancelled_at', now, 'state',
        CONTESTED[redis.call('HGET', register, 'state')] and 'cancelled_contested' or 'cancelled')
    end
  end
  finish(deletion.id, 'cancelled', now, errors)
end

-- Whether it waits for an approver; a worker that only reminds of that does not stand in the way.
local function awaits_approval(deletion)
  return deletion.state == 'awaiting_approval'
    or (deletion.state == 'running' and deletion.step == 'approve')
end

-- What was genuine and not understood may have said that a client is active, until a person says what
-- it was. Without a client it may have been any of its source; what no source asked for may be
-- concerned by any of those that are watched.
local function held_by(deletion)
  local known, sources = {}, {[deletion.source] = deletion.client ~= '' or nil}
  for _, client in ipairs(clients_of(deletion)) do
    known[client[1] .. '\n' .. client[2]] = true
    sources[client[1]] = sources[client[1]] or deletion.client == ''
  end
  for source, whole in pairs(sources) do
    for delivery_id, line in pairs(load(key('holding', source))) do
      local clients = cjson.decode(line).clients
      if #clients == 0 and whole then
        return delivery_id
      end
      for _, client in ipairs(clients) do
        if known[source .. '\n' .. client] then
          return delivery_id
        end
      end
    end
  end
  return nil
end

-- How many jobs wait. Whatever became of RQ's books: what is to be recorded does not fail because of it.
local asked_length
local function queue_length()
  if not asked_length then
    local length = redis.pcall('LLEN', QUEUE)
    asked_length = type(length) == 'number' and length or 2 * SHORT
  end
  return asked_length
end

-- The number of the job at the head of the queue. That is first in, first out and numbers rise, so a job
-- whose number is not below it still waits there and gets no twin.
local function head_of_queue()
  local head = redis.call('LINDEX', QUEUE, 0)
  return head and tonumber(string.match(head, '%-(%d+)$')) or math.huge
end

-- A deletion enters the line of its source, in the order of `at`.
local lines = {}
local function line_up(source, id, at)
  if MANY then
    add_to(key('turn', source), at, id)
  else
    redis.call('ZADD', key('turn', source), 'NX', at, id)
  end
  if not lines[source] then
    redis.call('ZADD', key('turns'), 'NX', 0, source)
    lines[source] = true
  end
end

local function waits(source)
  return MANY and lines[source] or redis.call('EXISTS', key('turn', source)) == 1
end

-- The number of the job of a deletion that may be taken up now, or nil where it waits for its turn. Whoever
-- asks writes it into the deletion's `job`.
-- `look_again` is when the scheduler asks what became of it.
local function begin(id, source, now, look_again)
  local room = source == PEOPLE and 2 * SHORT or SHORT
  local direct = queue_length() + ON_THE_WAY < room and not waits(source)
  if direct and source ~= PEOPLE then
    for _, other in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
      direct = direct and not waits(other)
    end
  end
  redis.call('ZADD', key('due'), look_again, id)
  local job = direct and redis.call('INCR', key('jobs')) or nil
  if direct then
    ON_THE_WAY = ON_THE_WAY + 1
  else
    line_up(source, id, now)
  end
  return job
end

-- The number of the newest word that a client is active.
local function newest_order()
  local order = MANY and MANY.order or redis.call('GET', key('order')) or 0
  if MANY then
    MANY.order = order
  end
  return order
end

-- A new deletion, ready at once, and the number of its first job if it need not wait for its turn.
-- `asked`: its request, and `clients`: its identities, where they are decoded already.
local function create(id, now, look_again, fields, asked, clients)
  asked = asked or cjson.decode(fields.request)
  local line = {
    'id', id, 'state', 'queued', 'step', 'plan', 'created_at', now,
    'updated_at', now, 'ready_at', now, 'fence', '0', 'lease_until', '0', 'generation', '1',
    'attempts', '0', 'deaths', '0', 'intent_no', '0', 'intent_state', '', 'intent_org', '',
    'order', newest_order(), 'org_id', asked.org_id or '',
  }
  local job = begin(id, fields.source, now, look_again)
  fields.job = job or 0
  fields.client, fields.epoch = fields.client or '', fields.epoch or 0
  fields.callback_url, fields.delivery_id = fields.callback_url or '', fields.delivery_id or ''
  for field, value in pairs(fields) do
    line[#line + 1] = field
    line[#line + 1] = value
  end
  redis.call('HSET', key('deletion', id), unpack(line))
  watch_clients(id, clients or clients_of(fields))
  add_to(key('deletions'), now, id)
  add_to(key('deletions', 'queued'), now, id)
  journal(id, now, 'created', {source = fields.source, actor = fields.actor})
  audit(now, 'created', {
    deletion_id = id, source = fields.source, actor = fields.actor, delivery_id = fields.delivery_id,
    operator = fields.source == 'api' and fields.actor or nil, org_name = asked.org_name,
    confirm_delete = asked.confirm_delete, dry_run = asked.dry_run, force_delete = asked.force_delete,
    reason = asked.reason, psa = asked.psa,
  }, asked.org_id or '')
  return job
end

-- When somebody has to look again at each record of a kind.
local function due_of(kind)
  return kind == 'deletion' and key('due') or key(kind .. 's', 'due')
end

-- A sweep or a bulk replay begins, and is listed for as long as its kind is kept.
local function open_work(kind, id, now, retention, fields)
  local name, list_of_kind = key(kind, id), key(kind .. 's')
  redis.call('HSET', name, 'id', id, 'created_at', now, 'ready_at', now, 'lease_until', 0, 'fence', 0,
    'deaths', 0)
  write(name, fields)
  redis.call('ZREMRANGEBYSCORE', list_of_kind, '-inf', now - retention)
  redis.call('ZADD', list_of_kind, now, id)
  redis.call('ZADD', due_of(kind), now, id)
end

-- Whether somebody holds a deletion, a sweep or a bulk replay, by the clock of leases.
local function held(work, leased)
  return work.state and not work.finished_at and tonumber(work.lease_until) > leased
end

-- The answer to who may not write of a sweep or bulk replay, nil to its holder: nothing, or how it
-- stands where the same call ended it before, and the answer to that was lost on the way.
local function answer_of_stranger(name, work, fence, now)
  if not work.state or work.fence ~= fence then
    return {}
  end
  if work.finished_at then
    return tonumber(work.finished_at) == now and redis.call('HGETALL', name) or {}
  end
  return nil
end

-- A sweep, bulk replay or catch-up goes on: under its lease, or without one (length 0) from `ready_at` on,
-- and then nobody died of it.
local function go_on(kind, id, now, length, own, ready_at)
  local lease_until = length > 0 and lease_clock(now, own) + length or 0
  redis.call('HSET', key(kind, id), 'lease_until', lease_until, 'ready_at', ready_at)
  if length == 0 then
    redis.call('HSET', key(kind, id), 'deaths', 0)
  end
  redis.call('ZADD', due_of(kind), length > 0 and lease_until or ready_at, id)
end

-- The end of a bulk replay, which keeps its books for as long as it is listed.
local function finish_replay(id, state, now, retention)
  local name = key('replay', id)
  redis.call('HSET', name, 'state', state, 'finished_at', now, 'lease_until', 0)
  redis.call('ZREM', key('replays', 'due'), id)
  for _, part in ipairs({name, name .. ':items', name .. ':counts', name .. ':refused'}) do
    redis.call('PEXPIRE', part, retention)
  end
  audit(now, 'replay_ended', {
    replay_id = id, state = state, done = tonumber(redis.call('HGET', name, 'next')),
    replayed = tonumber(redis.call('HGET', name .. ':counts', 'replayed') or 0),
  })
end

-- A quarantined delivery was proved or dismissed, or is not genuine and dropped for that reason.
local function leave_quarantine(id, now, reason)
  local delivery = load(key('delivery', id))
  if not delivery.quarantined_as then
    return 0
  end
  if redis.call('HDEL', key('quarantine', delivery.source), delivery.quarantined_as) == 1 then
    redis.call('HINCRBY', key('quarantine', 'bytes'), delivery.source, -#delivery.body)
  end
  redis.call('ZREM', key('quarantine', 'due'), id)
  if reason == '' then
    redis.call('HDEL', key('delivery', id), 'quarantined_as', 'begun')
  else
    redis.call('DEL', key('delivery', id))
    redis.call('ZREM', key('deliveries'), id)
    audit(now, 'delivery_dropped', {delivery_id = id, source = delivery.source, reason = reason})
  end
  return 1
end
