-- A person stops a bulk replay; who holds it just now ends it after the record that he is at.
-- KEYS: replay:*
-- ARGV: id, now, operator, retention
-- Answer: 'stopped' or 'ended'
local id, now, operator = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local name = key('replay', id)
local replay = load(name)

if not replay.state then
  return unknown('replay', id)
end
if replay.stopped_by == operator then
  return 'stopped'
end
if replay.finished_at then
  return 'ended'
end
redis.call('HSET', name, 'stopped_by', operator)
audit(now, 'replay_stopped', {replay_id = id, operator = operator})
if tonumber(replay.lease_until) <= now then
  redis.call('HINCRBY', name, 'fence', 1)
  finish_replay(id, 'cancelled', now, ARGV[4])
end
return 'stopped'
