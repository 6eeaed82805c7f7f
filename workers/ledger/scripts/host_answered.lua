-- Whatever it said, it is there.
-- KEYS: host:*, hosts:silent
-- ARGV: host
-- Answer: since when it had not answered, '' if it had
local since = redis.call('HGET', key('hosts', 'silent'), ARGV[1])
redis.call('HDEL', key('hosts', 'silent'), ARGV[1])
redis.call('DEL', key('host', ARGV[1]))
return since or ''
