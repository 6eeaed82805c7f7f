-- What an attempt came to.
-- KEYS: callback:*, callbacks:due, counts:callbacks, journal:*, targets:failing
-- ARGV: id, fence, now, state, ready_at, status, answer, journal line
-- Answer: 'recorded' or 'fenced'
local id, fence, now, state, ready_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local name = key('callback', id)
local callback = load(name)

-- Without a lease it was recorded before, and the answer to that was lost on the way.
if callback.state ~= 'pending' or callback.fence ~= fence or callback.lease_until == '0' then
  return 'fenced'
end
redis.call('HINCRBY', name, 'attempts', 1)
redis.call('HSET', name, 'state', state, 'lease_until', 0, 'deaths', 0, 'ready_at', ready_at,
  'last_status', ARGV[6], 'last_answer', ARGV[7], 'updated_at', now)
if state == 'pending' then
  redis.call('ZADD', key('callbacks', 'due'), ready_at, id)
else
  redis.call('ZREM', key('callbacks', 'due'), id)
end
redis.call('HINCRBY', key('counts', 'callbacks'), (callback.notice_id and 'notice' or 'result') .. '|' .. state, 1)
local attempts, status = tonumber(callback.attempts) + 1, tonumber(ARGV[6])

if callback.notice_id then
  -- Which targets do not work now, for whoever asks; who is told of it is told by another one.
  if state == 'delivered' then
    redis.call('HDEL', key('targets', 'failing'), callback.target)
  elseif state ~= 'stopped' or status == 410 then
    redis.call('HSET', key('targets', 'failing'), callback.target,
      cjson.encode({at = now, status = status, attempts = attempts}))
    if attempts == 3 then
      notice(now, 'target_failing', {target = callback.target, status = status}, callback.target)
    end
  end
  redis.call('RPUSH', key('journal', callback.notice_id), ARGV[8])
  redis.call('PEXPIRE', key('journal', callback.notice_id), 2592000000)
  if state ~= 'pending' then
    redis.call('PEXPIRE', name, 2592000000)
    -- No notice, if nobody could be told: people would be told by the way that does not work.
    audit(now, 'notification', {
      notice_id = callback.notice_id, kind = callback.kind, target = callback.target,
      state = state, attempts = attempts, status = status,
    })
  end
  return 'recorded'
end
if callback.deletion_id ~= '' then
  redis.call('RPUSH', key('journal', callback.deletion_id), ARGV[8])
else
  -- A summary has no deletion whose journal it could be in.
  redis.call('RPUSH', key('journal', id), ARGV[8])
  redis.call('PEXPIRE', key('journal', id), 2592000000)
end
if state ~= 'pending' then
  audit(now, 'callback', {
    deletion_id = callback.deletion_id, callback_id = id, state = state,
    attempts = attempts, status = status,
  })
end
if state == 'dead' then
  notice(now, 'callback_exhausted', {deletion_id = callback.deletion_id, callback_id = id})
end
return 'recorded'
