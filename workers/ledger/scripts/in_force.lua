-- A part was started. What the service, which takes requests in, decides by is in force; the others are
-- compared with it.
-- KEYS: configurations:other, in_force
-- ARGV: part, digest, now, forgotten before
-- Answer: the digest in force, '' if the service has not said it since an admin accepted the ledger
local part, digest, now, before = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local name = key('in_force')
local was = redis.call('HGET', name, 'digest')
if not was and not ledger[2] or part == 'service' and was ~= digest then
  redis.call('HSET', name, 'digest', digest, 'at', now, 'part', part)
  audit(now, 'in_force', {part = part, digest = digest, was = was or nil})
end
redis.call('ZREMRANGEBYSCORE', key('configurations', 'other'), '-inf', before)
local in_force = redis.call('HGET', name, 'digest') or ''
redis.call('ZREM', key('configurations', 'other'), in_force)
if in_force ~= digest then
  redis.call('ZADD', key('configurations', 'other'), now, digest)
  notice(now, 'configuration_differs', {part = part, in_force = in_force, part_has = digest}, digest, 3600000)
end
return in_force
