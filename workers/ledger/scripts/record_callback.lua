-- What an attempt came to. ARGV: id, fence, now, state, ready_at, status, answer, journal line
local id, fence, now, state, ready_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local name = key('callback', id)
local callback = load(name)

if callback.state ~= 'pending' or callback.fence ~= fence then
  return 'fenced'
end
redis.call('HINCRBY', name, 'attempts', 1)
redis.call('HSET', name, 'state', state, 'lease_until', 0, 'ready_at', ready_at,
  'last_status', ARGV[6], 'last_answer', ARGV[7], 'updated_at', now)
if callback.deletion_id ~= '' then
  redis.call('RPUSH', key('journal', callback.deletion_id), ARGV[8])
end
if state == 'pending' then
  redis.call('ZADD', key('callbacks', 'due'), ready_at, id)
else
  redis.call('ZREM', key('callbacks', 'due'), id)
  audit(now, 'callback', {
    deletion_id = callback.deletion_id, callback_id = id, state = state,
    attempts = tonumber(callback.attempts) + 1, status = tonumber(ARGV[6]),
  })
end
return 'recorded'
