-- The oldest entries leave Redis, and it is known from where on they are kept.
-- KEYS: audit:folded, audit:head, audit:log
-- ARGV: oldest seq that is kept
-- Answer: how many entries left
local floor = tonumber(redis.call('HGET', key('audit', 'head'), 'floor') or 1)
if tonumber(ARGV[1]) <= floor then
  return 0
end
redis.call('HSET', key('audit', 'head'), 'floor', ARGV[1])
-- What is kept together leaves together.
redis.call('XTRIM', key('audit', 'folded'), 'MINID', ARGV[1])
return redis.call('XTRIM', key('audit', 'log'), 'MINID', ARGV[1])
