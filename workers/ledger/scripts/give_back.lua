-- A process is gone, says its parent, who saw it end: what it held is free at once. The next taker finds
-- a lease that its holder did not give back, and counts the death. Only the first in a row: what ends one
-- process after the other, say a machine without memory, may need a lease to pass. And not while a status
-- that is set may be under way, for that is set again without another wait.
-- KEYS: *:*
-- ARGV: id, now, kind of record, the process that is gone, '1' if the asker keeps a time of his own
-- Answer: 1, or 0 if it stays as it is
local id, now, kind = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local holder, own = ARGV[4], ARGV[5]
local name = key(kind, id)
local work = load(name)
local leased = lease_clock(now, own)

local under_way = work.intent_state == 'open' and work.intent_kind == 'soft_delete'
if not held(work, leased) or under_way or holder == '' or work.holder ~= holder
  or tonumber(work.deaths or 0) > 0 then
  return 0
end
redis.call('HSET', name, 'lease_until', leased)
redis.call('ZADD', due_of(kind), leased, id)
return 1
