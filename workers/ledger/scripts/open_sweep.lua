-- A sweep begins: asked for by a person, or due by its schedule, once for each of its times.
-- KEYS: in_force, schedule:*:*, schedules:ticks, sweep:*
-- ARGV: id, now, schedule, tick ('' for a person), digest of the schedule's times, oldest tick that is
--       made up for, how long an unseen schedule is remembered, retention, fields (JSON)
-- Answer: 1, or 0 if it is not to be, or was begun before
local id, now, schedule, tick, digest = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
local oldest, remembered, retention = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local fields = cjson.decode(ARGV[9])

if tick then
  -- What was due before the schedule was there is not made up for.
  local since = key('schedule', schedule, digest)
  redis.call('SET', since, now, 'NX')
  redis.call('PEXPIRE', since, remembered)
  local newest = tonumber(redis.call('HGET', key('schedules', 'ticks'), schedule) or 0)
  if tick < tonumber(redis.call('GET', since)) or tick < oldest or tick <= newest then
    return 0
  end
  redis.call('HSET', key('schedules', 'ticks'), schedule, tick)
end
if redis.call('EXISTS', key('sweep', id)) == 1 then
  return 0
end
open_work('sweep', id, now, retention, with({
  schedule = schedule, state = 'looking', attempts = 0, page = 1, size = 0, total = '', tick = tick or '',
  configuration = redis.call('HGET', key('in_force'), 'digest') or '',
}, fields))
audit(now, 'sweep', {sweep_id = id, schedule = schedule, operator = fields.by, preview = fields.preview})
return 1
