-- A ledger is for one IT Glue account: the first that is named binds it, another one is told. What
-- another account answers pauses everything.
-- KEYS: account, paused
-- ARGV: now, base URL ('' if nobody says it), id of the primary organization ('' if none was seen)
-- Answer: {'bound'}, or {'other_base_url' or 'other_primary', what it is bound to}
local now, base_url, primary = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = key('account')
local bound = load(name)
if base_url ~= '' then
  if not bound.base_url then
    redis.call('HSET', name, 'base_url', base_url)
    audit(now, 'account_bound', {base_url = base_url})
  elseif bound.base_url ~= base_url then
    return {'other_base_url', bound.base_url}
  end
end
if primary == '' then
  return {'bound'}
end
if not bound.primary then
  redis.call('HSET', name, 'primary', primary)
  audit(now, 'account_bound', {primary = primary})
elseif bound.primary ~= primary then
  redis.call('HSET', name, 'seen', primary)
  local reason = 'IT Glue answers for another account: its own organization is ' .. primary
    .. ', and this ledger is for the account of organization ' .. bound.primary
  if redis.call('HEXISTS', key('paused'), 'account_changed') == 0 then
    notice(now, 'account_changed', {bound = bound.primary, seen = primary})
  end
  pause(now, 'account_changed', '', reason)
  return {'other_primary', bound.primary}
elseif bound.seen then
  redis.call('HDEL', name, 'seen')
end
return {'bound'}
