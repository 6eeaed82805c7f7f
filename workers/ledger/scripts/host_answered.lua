-- Whatever it said, it is there. ARGV: host. Answers: since when it had not answered, '' if it had
local since = redis.call('HGET', key('hosts', 'silent'), ARGV[1])
redis.call('HDEL', key('hosts', 'silent'), ARGV[1])
redis.call('DEL', key('host', ARGV[1]))
return since or ''
