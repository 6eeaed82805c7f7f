-- Another deletion for a process that has one under way: that of the job at the head of the queue, which is
-- done with by this. Only one that the ledger numbered itself, and not beside one that ended its process
-- before: that is for a process of its own, so that it takes no other with it.
-- KEYS: deletion:*, along:*
-- ARGV: id of the deletion that the process is for, the process, how long it may live
-- Answer: the id, or nothing
local first, holder, lives = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- The deaths are counted by the next taker, who has not been there yet where a lease is left.
local function sound(id, by)
  local known = redis.call('HMGET', key('deletion', id), 'lease_until', 'deaths', 'holder')
  local free = (tonumber(known[1]) or 0) == 0 or known[3] == by
  return free and (tonumber(known[2]) or 0) == 0
end

local job = redis.call('LINDEX', QUEUE, 0)
local own = string.sub(PREFIX, 1, -2)
local name = job and own ~= 'unglue' and string.sub(job, 1, #own + 1) == own .. '-'
  and string.sub(job, #own + 2) or job
local id, number = string.match(name or '', '^(del_[%w_.-]+)%-(%d+)$')
if not id or not sound(first, holder) or not sound(id) then
  return nil
end
local known = redis.call('HMGET', key('deletion', id), 'state', 'job')
if not known[1] or TERMINAL[known[1]] or known[2] ~= number then
  return nil
end
redis.call('LTRIM', QUEUE, 1, -1)
redis.call('DEL', 'rq:job:' .. job)
redis.call('SADD', key('along', holder), id)
redis.call('PEXPIRE', key('along', holder), lives)
return id
