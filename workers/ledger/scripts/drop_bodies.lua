-- Bodies of deliveries that were ignored are dropped when nobody is likely to ask for them. What became
-- of each stays, and what names a deletion keeps its body for as long as that is there.
-- KEYS: deletion:*, deliveries:ignored, delivery:*
-- ARGV: now, ids
-- Answer: how many need not be looked at again
local now, done, dropped = tonumber(ARGV[1]), 0, 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local name = key('delivery', id)
  local found = redis.call('HMGET', name, 'verdict', 'deletion_id', 'body')
  local ignored = found[1] == 'ignored' and found[3]
  local needed = ignored and found[2] ~= '' and redis.call('EXISTS', key('deletion', found[2])) == 1
  if ignored and not needed then
    redis.call('HDEL', name, 'body')
    redis.call('HSET', name, 'body_dropped', #found[3])
    dropped = dropped + 1
  end
  if not needed then
    redis.call('ZREM', key('deliveries', 'ignored'), id)
    done = done + 1
  end
end
if dropped > 0 then
  audit(now, 'pruned', {of = 'bodies', count = dropped})
end
return done
