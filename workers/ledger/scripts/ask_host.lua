-- May this host be sent something now?
-- KEYS: host:*
-- ARGV: host, now, how long a probe may take
-- Answer: {'free'}, {'probe'}: this one, and nothing else until it has answered; {'probed'}: somebody
--         else is trying; {'silent', until}
local name, now = key('host', ARGV[1]), tonumber(ARGV[2])
local host = load(name)
if not host.quiet_until then
  return {'free'}
end
if tonumber(host.quiet_until) > now then
  return host.probed and {'probed'} or {'silent', host.quiet_until}
end
redis.call('HSET', name, 'quiet_until', now + tonumber(ARGV[3]), 'probed', 1)
return {'probe'}
