-- Which ledger this is, and whether it is the one that is remembered. One without an id is new, or was
-- emptied: whoever remembers another one founds it paused. What was lost is kept by its id until an admin
-- accepts it.
-- KEYS: deletions, deliveries, jobs, ledger, ledger:accepted, ledger:lost, notices:number, paused,
--       running
-- ARGV: now, an id for a new ledger, the remembered id ('' for none), the remembered mark and its tip, '1' if
--       the asker keeps a time of his own, '1' if he takes in what clients say
-- Answer: {founded, same, accepted or lost; its id, its mark, the server's clock, the mark's tip}
local now, fresh, known, known_mark = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local known_tip = ARGV[5]
-- Long before it would be missed.
local HEARD_AGAIN = 25000

local function answer(what)
  local at = lease_clock(now, ARGV[6])
  new_server(at)
  if ARGV[7] == '1' and what ~= 'lost' and unheard(at + HEARD_AGAIN) then
    redis.call('HSET', key('ledger'), 'heard_at', at)
  end
  return {what, redis.call('HGET', key('ledger'), 'id'), decisions(), server_clock(), tip()}
end

local function lost(why)
  local before = tonumber(redis.call('HGET', key('ledger', 'lost'), known) or -1)
  redis.call('HSET', key('ledger', 'lost'), known, math.max(before, known_mark))
  if redis.call('HEXISTS', key('paused'), 'ledger_lost') == 0 then
    -- The numbers after its own were given before, and a receiver takes what it had for a repeat.
    local number = tonumber(redis.call('GET', key('notices', 'number')) or 0)
    redis.call('SET', key('notices', 'number'), string.format('%d', math.max(number, now)))
  end
  pause(now, 'ledger_lost', '', why .. '; if that is right, an admin accepts it: '
    .. 'unglue resume --accept-ledger --reason "..."')
  return answer('lost')
end

local id = redis.call('HGET', key('ledger'), 'id')
if not id then
  local records = decisions() > 0 or redis.call('EXISTS', key('deletions'), key('deliveries'), key('jobs')) > 0
  redis.call('HSET', key('ledger'), 'id', fresh, 'created_at', now)
  if known ~= '' then
    return lost('Redis holds no ledger, and there was one')
  end
  -- Records without an id are those of an older release.
  if records then
    audit(now, 'ledger_founded', {ledger = fresh})
  end
  if redis.call('EXISTS', key('paused')) == 0 then
    redis.call('SET', key('running'), now)
  end
  return answer('founded')
end
if known == '' or not strange_ledger(known, known_mark, known_tip) then
  return answer('same')
end
if redis.call('HEXISTS', key('ledger', 'accepted'), known) == 1 then
  return answer('accepted')
end
if known == id then
  local number = decisions()
  if string.find(known_tip, ':missed', 1, true) then
    return lost('Redis holds a ledger that was missing for a while, without what was said meanwhile')
  end
  if number >= known_mark then
    return lost('Redis lost decisions that were made, and made others, as after a fail-over')
  end
  return lost('Redis lost decisions that were made (it has ' .. number .. ' of at least '
    .. known_mark .. '), as after a restore')
end
return lost('Redis holds another ledger than the one that was worked with')
