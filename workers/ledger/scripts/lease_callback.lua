-- Take a callback for one attempt. A lease that nobody gave back means that its holder died; what
-- ends its worker three times in a row is sent no more. ARGV: id, now, lease length
local id, now, length = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local name = key('callback', id)
local callback = load(name)

if not callback.state then
  redis.call('ZREM', key('callbacks', 'due'), id)
  redis.call('DEL', name)
  return {}
end
if callback.state ~= 'pending' or tonumber(callback.lease_until) > now then
  return {}
end
if tonumber(callback.ready_at or 0) > now then
  return {}
end
if tonumber(callback.lease_until) > 0 and redis.call('HINCRBY', name, 'deaths', 1) >= 3 then
  local why = 'it ended its worker three times and is sent no more; look into the logs, then replay it'
  redis.call('HSET', name, 'state', 'dead', 'lease_until', 0, 'last_answer', why, 'updated_at', now)
  redis.call('ZREM', key('callbacks', 'due'), id)
  local about = callback.notice_id or callback.deletion_id
  if about ~= '' then
    journal(about, now, callback.notice_id and 'notification' or 'callback', {
      attempt = tonumber(callback.attempts) + 1, state = 'dead', why = why,
    })
  end
  audit(now, 'callback', {
    deletion_id = callback.deletion_id ~= '' and callback.deletion_id or nil, callback_id = id,
    notice_id = callback.notice_id, state = 'dead', why = 'killed_its_worker',
  })
  if callback.notice_id then
    redis.call('PEXPIRE', name, 2592000000)
    redis.call('PEXPIRE', key('journal', about), 2592000000)
  else
    notice(now, 'callback_exhausted', {deletion_id = callback.deletion_id, callback_id = id})
  end
  return {}
end
redis.call('HINCRBY', name, 'fence', 1)
redis.call('HSET', name, 'lease_until', now + length)
redis.call('ZADD', key('callbacks', 'due'), now + length, id)
return redis.call('HGETALL', name)
