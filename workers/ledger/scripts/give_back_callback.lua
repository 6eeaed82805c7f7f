-- An attempt that was broken off in order: it is due again, and nobody died of it.
-- KEYS: callback:*, callbacks:due
-- ARGV: id, fence, now
-- Answer: 1
local name = key('callback', ARGV[1])
local held = redis.call('HMGET', name, 'state', 'fence')
if held[1] == 'pending' and held[2] == ARGV[2] then
  redis.call('HSET', name, 'lease_until', 0)
  redis.call('ZADD', key('callbacks', 'due'), ARGV[3], ARGV[1])
end
return 1
