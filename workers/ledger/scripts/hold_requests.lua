-- IT Glue said 429 to somebody: nobody asks until then.
-- KEYS: itglue:held_until
-- ARGV: until, now
-- Answer: 1
local name = key('itglue', 'held_until')
local known = tonumber(redis.call('GET', name) or 0)
if tonumber(ARGV[1]) > known then
  redis.call('SET', name, ARGV[1], 'PX', math.max(1, ARGV[1] - ARGV[2]))
end
return 1
