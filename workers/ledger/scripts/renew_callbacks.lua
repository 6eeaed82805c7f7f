-- Attempts that are still being made keep their leases.
-- KEYS: callback:*, callbacks:due
-- ARGV: now, lease length, pairs of id and fence
-- Answer: how many are kept
local now, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local renewed = 0
for i = 3, #ARGV, 2 do
  local name = key('callback', ARGV[i])
  local held = redis.call('HMGET', name, 'state', 'fence', 'lease_until')
  if held[1] == 'pending' and held[2] == ARGV[i + 1] and tonumber(held[3]) > now then
    redis.call('HSET', name, 'lease_until', now + length)
    redis.call('ZADD', key('callbacks', 'due'), now + length, ARGV[i])
    renewed = renewed + 1
  end
end
return renewed
