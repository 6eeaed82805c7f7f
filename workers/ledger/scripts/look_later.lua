-- Not proved yet: looked at again.
-- KEYS: aftercare:due, journal:*
-- ARGV: id, when, journal line
-- Answer: 1
if redis.call('ZSCORE', key('aftercare', 'due'), ARGV[1]) then
  redis.call('ZADD', key('aftercare', 'due'), ARGV[2], ARGV[1])
  redis.call('RPUSH', key('journal', ARGV[1]), ARGV[3])
end
return 1
