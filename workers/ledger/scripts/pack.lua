-- A deletion that ended is kept in fewer bytes, with its journal, and so is the delivery that asked
-- for it; if nothing was written to them since they were read. Its result, once received, is kept with it.
-- KEYS: callback:*, callbacks:of:*, deletion:*, delivery:*, journal:*, unpacked
-- ARGV: id, updated_at and journal length as they were read, delivery id ('' to leave it), its body as
--       it was read, count of names and values of its packed body and headers, these, count of names of
--       packed fields, the names, then names and values of what was packed
-- Answer: 1 if it need not be looked at again, or 0
local id, read_at, lines, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[6])
local names = tonumber(ARGV[7 + count])

-- Made anew: only then does the server keep its short fields in the short way.
local function make(name, fields, from, to)
  for i = from, to, 2 do
    fields[ARGV[i]] = ARGV[i + 1]
  end
  redis.call('DEL', name)
  redis.call('HSET', name, unpack(flat(fields)))
end

-- Where the fields of a delivery say nearly all of its one event, the rest is enough (`receipts_of`).
local function fold_receipts(delivery)
  local receipts, same = list(delivery.events), 0
  for name, value in pairs(receipts[1] or {}) do
    local said = (name == 'verdict' or name == 'reason' or name == 'deletion_id') and delivery[name] == value
    same = same + (said and 1 or name ~= 'event_id' and name ~= 'job' and 4 or 0)
  end
  if #receipts == 1 and same == 3 and receipts[1].event_id then
    delivery.events, delivery.event_id, delivery.event_job = nil, receipts[1].event_id, receipts[1].job
  end
end

-- Of a result that was received and never sent again, what is told of it goes with the deletion, if that
-- cannot begin anew (`received`). All else of it was for whoever sent it.
local function fold_result(deletion)
  local of, callback = key('callbacks', 'of', id), result_of(id, deletion.generation)
  local result = load(key('callback', callback))
  if result.state ~= 'delivered' or result.first or result.replays or result.target or redis.call('ZCARD', of) ~= 1
    or deletion.state ~= 'deleted' and deletion.state ~= 'soft_deleted' then
    return
  end
  local made_at = result.created_at ~= deletion.finished_at and result.created_at or ''
  local kept = table.concat({result.attempts, result.last_status or '', made_at, result.last_answer or ''}, ' ')
  -- A longer field would take the whole record its short form.
  if #kept <= 64 then
    deletion.received = kept
    redis.call('DEL', of, key('callback', callback))
  end
end

local name = key('deletion', id)
local deletion = load(name)
if not deletion.state or not TERMINAL[deletion.state] then
  redis.call('ZREM', key('unpacked'), id)
  return 1
end
if deletion.updated_at ~= read_at or redis.call('LLEN', key('journal', id)) ~= lines then
  return 0
end
for i = 8 + count, 7 + count + names do
  deletion[ARGV[i]] = nil
end
redis.call('DEL', key('journal', id))
fold_result(deletion)
make(name, deletion, 8 + count + names, #ARGV)
redis.call('ZREM', key('unpacked'), id)
local delivery = load(key('delivery', ARGV[4]))
if delivery.body and delivery.body == ARGV[5] and not delivery.quarantined_as then
  delivery.body, delivery.headers = nil, nil
  fold_receipts(delivery)
  make(key('delivery', ARGV[4]), delivery, 7, 6 + count)
end
return 1
