-- What was seen of a deleted organization a day later.
-- KEYS: aftercare:due, deletion:*, journal:*, unpacked
-- ARGV: id, now, journal line, ids of what came back, by notice (JSON)
-- Answer: 1
local id, now, line, found = ARGV[1], tonumber(ARGV[2]), ARGV[3], cjson.decode(ARGV[4])
-- The same call again: its first answer was lost on the way.
if redis.call('ZREM', key('aftercare', 'due'), id) == 1 then
  redis.call('RPUSH', key('journal', id), line)
  redis.call('ZADD', key('unpacked'), now, id)
  pending(line, 'deletion_id', id, 'org_id', redis.call('HGET', key('deletion', id), 'org_id') or '')
  if #found.recreated > 0 then
    notice(now, 'recreated', {deletion_id = id, org_ids = found.recreated})
  end
  if #found.shown_again > 0 then
    notice(now, 'shown_again', {deletion_id = id, org_ids = found.shown_again})
  end
end
return 1
