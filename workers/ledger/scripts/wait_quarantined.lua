-- A quarantined delivery could not be verified yet, and its worker is well.
-- KEYS: delivery:*, quarantine:due
-- ARGV: id, due
-- Answer: 1
local id, due = ARGV[1], ARGV[2]
if redis.call('ZADD', key('quarantine', 'due'), 'XX', 'CH', due, id) == 1 then
  redis.call('HSET', key('delivery', id), 'begun', 0)
end
return 1
