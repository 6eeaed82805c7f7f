-- What is due, each pushed forward, never removed: a lost job, a dead worker and a finished wait
-- are one case. The queue is first in, first out and every job carries a rising number, so a job
-- whose number is not below the head's is still waiting there and gets no twin.
-- ARGV: due set, record kind, now, look again at, limit, queue key
local due, kind, now, look_again = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, queue = tonumber(ARGV[5]), ARGV[6]

local head = redis.call('LINDEX', queue, 0)
local head_number = head and tonumber(string.match(head, '%-(%d+)$')) or nil
local lost = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key(due), '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZADD', key(due), look_again, id)
  local job = tonumber(redis.call('HGET', key(kind, id), 'job') or 0)
  if not (head_number and job >= head_number) then
    local number = redis.call('INCR', key('jobs'))
    redis.call('HSET', key(kind, id), 'job', number)
    lost[#lost + 1] = id
    lost[#lost + 1] = tostring(number)
  end
end
return lost
