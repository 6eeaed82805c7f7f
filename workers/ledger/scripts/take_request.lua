-- May one more request go to IT Glue now? A sliding count over 5 minutes in steps of 10 seconds, shared
-- by all workers.
-- KEYS: itglue:held_until, itglue:requests, paused
-- ARGV: now, limit, share that only destructive calls may use, '1' to ask although IT Glue refused the
--       key too often, destructive
-- Answer: 0 if it may, -1 if the key is refused, else the time to ask again
local now, limit, reserve, destructive = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[5]
local STEP, STEPS = 10000, 31 -- the running step and the 30 before it: never less than 5 minutes
if ARGV[4] ~= '1' and redis.call('HEXISTS', key('paused'), 'key_refused') == 1 then
  return -1
end
-- Somebody paused since the call got its permission: it does not go out, and asks for one anew.
if destructive == '1' and paused() then
  return now + 2000
end
local held_until = tonumber(redis.call('GET', key('itglue', 'held_until')) or 0)
if held_until > now then
  return held_until
end

local name = key('itglue', 'requests')
local current = math.floor(now / STEP)
local used, oldest = 0, current
for field, count in pairs(load(name)) do
  local step = tonumber(field)
  if step <= current - STEPS then
    redis.call('HDEL', name, field)
  else
    used = used + tonumber(count)
    oldest = math.min(oldest, step)
  end
end
local allowed = destructive == '1' and limit or limit - reserve
if used >= allowed then
  return (oldest + STEPS) * STEP
end
redis.call('HINCRBY', name, current, 1)
redis.call('PEXPIRE', name, STEPS * STEP)
return 0
