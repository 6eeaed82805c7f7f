-- What a slice of a sweep came to: the sweep as it stands then. Written only by the holder of the newest
-- lease; nobody else is answered anything.
-- KEYS: sweep:*, sweep:*:rows, sweeps:due
-- ARGV: id, fence, now, fields (JSON), rows (JSON object by organization id), lease length (0 gives it
--       back), ready_at, end (JSON, '' to go on), kept rows, retention, '1' if the asker keeps a time of
--       his own
-- Answer: the fields of the sweep, nothing to who may not write
local id, fence, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local length, ready_at, last = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local name = key('sweep', id)
local sweep = load(name)

local refusal = answer_of_stranger(name, sweep, fence, now)
if refusal then
  return refusal
end
write(name, cjson.decode(ARGV[4]))
write(key('sweep', id, 'rows'), cjson.decode(ARGV[5]))
if last == '' then
  go_on('sweep', id, now, length, ARGV[11], ready_at)
  return redis.call('HGETALL', name)
end

last = cjson.decode(last)
redis.call('HSET', name, 'finished_at', now, 'lease_until', 0)
redis.call('PEXPIRE', name, ARGV[10])
redis.call('PEXPIRE', key('sweep', id, 'rows'), ARGV[9])
redis.call('ZREM', key('sweeps', 'due'), id)
audit(now, 'sweep_ended', last.audit)
if last.notice ~= cjson.null then
  notice(now, last.notice.kind, last.notice.detail)
end
if last.target ~= '' then
  local callback = 'cb_' .. string.sub(id, 5) .. '_1'
  post(callback, id, now, 'deletion_id', '', 'of', id, 'kind', 'sweep', 'target', last.target, 'body', last.body)
end
return redis.call('HGETALL', name)
