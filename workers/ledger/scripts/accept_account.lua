-- An admin accepts the account that IT Glue answers for now: the ledger is for that one from here on.
-- KEYS: account
-- ARGV: now, operator
-- Answer: 1, or 0 if no other account answers
local seen = redis.call('HGET', key('account'), 'seen')
if not seen then
  return 0
end
local before = redis.call('HGET', key('account'), 'primary')
redis.call('HSET', key('account'), 'primary', seen)
redis.call('HDEL', key('account'), 'seen', 'organizations', 'at')
audit(tonumber(ARGV[1]), 'account_accepted', {operator = ARGV[2], primary = seen, before = before})
return 1
