-- A quarantined delivery could not be verified yet, and its worker is well.
-- KEYS: delivery:*, quarantine:due
-- ARGV: id, due, why it is not proved yet
-- Answer: 1
local id, due, reason = ARGV[1], ARGV[2], ARGV[3]
if redis.call('ZSCORE', key('quarantine', 'due'), id) then
  redis.call('ZADD', key('quarantine', 'due'), due, id)
  redis.call('HSET', key('delivery', id), 'begun', 0, 'reason', reason)
end
return 1
