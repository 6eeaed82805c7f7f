-- What is due, each pushed forward, never removed: a lost job, a dead worker and a finished wait are one
-- case.
-- KEYS: *, *:*, jobs
-- ARGV: due set, record kind, now, look again at, limit, how many of them the queue has room for
-- Answer: pairs of id and job number
local due, kind, now, look_again = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, most = tonumber(ARGV[5]), tonumber(ARGV[6])

local head = head_of_queue()
-- Beside the deletions, which keep the queue full for as long as there are many.
local room = math.min(most, SHORT + most - queue_length())
local lost = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key(due), '-inf', now, 'LIMIT', 0, limit)) do
  local job = tonumber(redis.call('HGET', key(kind, id), 'job') or 0)
  if job >= head then
    redis.call('ZADD', key(due), look_again, id)
  elseif room > 0 then
    redis.call('ZADD', key(due), look_again, id)
    local number = redis.call('INCR', key('jobs'))
    redis.call('HSET', key(kind, id), 'job', number)
    lost[#lost + 1] = id
    lost[#lost + 1] = tostring(number)
    room = room - 1
  end
end
return lost
