-- What became of one record of a bulk replay, and what comes next. Written only by the holder of the
-- newest lease.
-- KEYS: replay:*, replay:*:counts, replay:*:refused
-- ARGV: id, fence, now, how many are done with this one, record's id, outcome ('replayed', or why not; ''
--       for none), lease length (0 gives it back), ready_at, retention, '1' if the asker keeps a time of
--       his own
-- Answer: the fields of the replay, nothing to who may not write
local id, fence, now, done = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local item, outcome, length, ready_at = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local name = key('replay', id)
local replay = load(name)

local refusal = answer_of_stranger(name, replay, fence, now)
if refusal then
  return refusal
end
if outcome ~= '' and done > tonumber(replay.next) then
  redis.call('HSET', name, 'next', done, 'deaths', 0)
  redis.call('HINCRBY', key('replay', id, 'counts'), outcome, 1)
  if outcome ~= 'replayed' then
    redis.call('HSET', key('replay', id, 'refused'), item, outcome)
  end
end
local state = replay.stopped_by and 'cancelled' or done >= tonumber(replay.total) and 'finished'
if state then
  finish_replay(id, state, now, ARGV[9])
else
  go_on('replay', id, now, length, ARGV[10], ready_at)
end
return redis.call('HGETALL', name)
