-- What was seen of a deleted organization a day later. ARGV: id, journal line
local id, line = ARGV[1], ARGV[2]
-- The same call again: its first answer was lost on the way.
if redis.call('ZREM', key('aftercare', 'due'), id) == 1 then
  redis.call('RPUSH', key('journal', id), line)
  pending(line, 'deletion_id', id, 'org_id', redis.call('HGET', key('deletion', id), 'org_id') or '')
end
return 1
