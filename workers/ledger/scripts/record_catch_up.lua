-- What a slice of catching up came to: the run as it stands then. Written only by the holder of the newest
-- lease; nobody else is answered anything.
-- KEYS: catch_up:*, catch_ups:due, catch_ups:known:*
-- ARGV: id, fence, now, fields (JSON), lease length (0 gives it back), ready_at (0: the run is over),
--       notices (JSON list of kind, detail, once and lasts), '1' if the asker keeps a time of his own,
--       what the PSA's list says from now on (packed, or '' if it stays)
-- Answer: the fields of the run, nothing to who may not write
local id, fence, now, length, ready_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
local name = key('catch_up', id)

local refusal = answer_of_stranger(name, load(name), fence, now)
if refusal then
  return refusal
end
write(name, cjson.decode(ARGV[4]))
if ARGV[9] ~= '' then
  redis.call('SET', key('catch_ups', 'known', redis.call('HGET', name, 'source')), ARGV[9])
end
for _, each in ipairs(list(ARGV[7])) do
  notice(now, each.kind, each.detail, each.once, each.lasts)
end
if ready_at == 0 then
  redis.call('HSET', name, 'finished_at', now, 'lease_until', 0, 'deaths', 0)
  redis.call('ZREM', key('catch_ups', 'due'), id)
else
  go_on('catch_up', id, now, length, ARGV[8], ready_at)
end
return redis.call('HGETALL', name)
