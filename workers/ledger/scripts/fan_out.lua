-- A notice becomes one outbox entry a target, all or nothing, once.
-- KEYS: notice:*, notices:due
-- ARGV: id, now, how long it is kept, targets (JSON array of names)
-- Answer: how many entries, 0 if it was done before
local id, now, kept, targets = ARGV[1], tonumber(ARGV[2]), ARGV[3], cjson.decode(ARGV[4])
local name = key('notice', id)
local told = load(name)

redis.call('ZREM', key('notices', 'due'), id)
if not told.id or told.targets then
  return 0
end
for _, target in ipairs(targets) do
  local entry = 'ntf_' .. string.sub(id, 5) .. '_' .. target
  enter_outbox(entry, now, 'notice_id', id, 'target', target, 'kind', told.kind, 'deletion_id', '')
end
redis.call('HSET', name, 'targets', ARGV[4])
redis.call('PEXPIRE', name, kept)
if #targets == 0 then
  audit(now, 'notice_dropped', {notice_id = id, kind = told.kind, reason = 'no_target'})
end
return #targets
