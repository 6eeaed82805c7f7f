-- A decision that strangers can cause: of each kind a hundred an hour are written, and that there
-- are more. ARGV: now, what, detail (JSON)
local now, what, detail = tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3])
local rate = key('audit', 'seldom', what, math.floor(now / 3600000))
local number = redis.call('INCR', rate)
redis.call('PEXPIRE', rate, 7200000)
if number > 101 then
  return 0
end
audit(now, what, number == 101 and {more = true} or detail)
return 1
