-- The trace that a deletion belongs to, for whoever goes on with it in another process.
-- KEYS: deletion:*
-- ARGV: id of the deletion, W3C traceparent
-- Answer: 1, or 0 if there is no such deletion
local name = key('deletion', ARGV[1])
if redis.call('EXISTS', name) == 0 then
  return 0
end
redis.call('HSET', name, 'trace', ARGV[2])
return 1
