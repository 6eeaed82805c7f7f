-- Whose turn is it? Deletions that are due enter the line of their source, pushed forward in the due set
-- and never removed from it, so that a lost job, a dead worker and a finished wait are one case. Then the
-- queue is filled up to its short length: one of each line at a time, the line first that was served
-- longest ago; people's before all others, unless theirs was served last.
-- KEYS: deletion:*, due, jobs, turn:*, turns
-- ARGV: now, look again at, how many may enter the lines
-- Answer: '1' if more wait, then pairs of id and job number
local now, look_again, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local head = head_of_queue()
local function queued(job)
  return tonumber(job or 0) >= head
end

local due = redis.call('ZRANGEBYSCORE', key('due'), '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
for i = 1, #due, 2 do
  local id = due[i]
  local known = redis.call('HMGET', key('deletion', id), 'source', 'job')
  if not known[1] then
    redis.call('ZREM', key('due'), id)
  else
    redis.call('ZADD', key('due'), look_again, id)
    if not queued(known[2]) then
      line_up(known[1], id, due[i + 1])
    end
  end
end

local function next_line()
  local lines = redis.call('ZRANGE', key('turns'), 0, -1)
  if lines[#lines] ~= PEOPLE and waits(PEOPLE) then
    return PEOPLE
  end
  for _, source in ipairs(lines) do
    if waits(source) then
      return source
    end
  end
  return nil
end

local handed = {'0'}
local room = SHORT - queue_length()
while room > 0 do
  local source = next_line()
  if not source then
    break
  end
  local id = redis.call('ZPOPMIN', key('turn', source))[1]
  local known = redis.call('HMGET', key('deletion', id), 'state', 'job', 'lease_until', 'ready_at')
  -- Since it entered the line it may have ended, been taken, or been told to wait: its due score knows.
  local stale = not known[1] or TERMINAL[known[1]] or queued(known[2])
    or tonumber(known[3]) > now or tonumber(known[4]) > now
  if not stale then
    local number = redis.call('INCR', key('jobs'))
    redis.call('HSET', key('deletion', id), 'job', number)
    redis.call('ZADD', key('due'), look_again, id)
    redis.call('ZADD', key('turns'), number, source)
    handed[#handed + 1] = id
    handed[#handed + 1] = tostring(number)
    room = room - 1
  end
end
if #due == 2 * limit or next_line() then
  handed[1] = '1'
end
return handed
