-- A callback waits, without using up an attempt, because its host does not answer. What has waited so for
-- too long is given up, as what used up its attempts is.
-- KEYS: callback:*, callbacks:due, journal:*
-- ARGV: id, now, until, host, journal line (JSON), longest wait since it was made
-- Answer: 'waits', 'dead', or '' if it is not to be sent now
local id, now, until_, host = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local name = key('callback', id)
local callback = load(name)

if callback.state ~= 'pending' or tonumber(callback.lease_until) > now
  or tonumber(callback.ready_at or 0) > now then
  return ''
end
if now - tonumber(callback.created_at) > tonumber(ARGV[6]) then
  give_up(id, callback, now, 'its host ' .. host .. ' has not answered for too long; replay it when it does',
    'host_silent')
  return 'dead'
end
if callback.waits_for ~= host then
  redis.call('HSET', name, 'waits_for', host)
  local about = callback.notice_id or callback.deletion_id
  if about ~= '' then
    redis.call('RPUSH', key('journal', about), ARGV[5])
  end
end
redis.call('HSET', name, 'ready_at', until_)
redis.call('ZADD', key('callbacks', 'due'), until_, id)
return 'waits'
