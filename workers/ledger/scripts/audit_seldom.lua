-- A decision that strangers can cause: of each kind and reason a hundred an hour are written, and that
-- there are more.
-- KEYS: none of its own
-- ARGV: now, what, detail (JSON)
-- Answer: 1, or 0 if this hour had too many
local now, what, detail = tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3])
local number = number_this_hour(now, 'audit', 'seldom', what, detail.why or '')
if number > 101 then
  return 0
end
audit(now, what, number == 101 and {more = true, why = detail.why} or detail)
return 1
