-- A part was started with other settings than before.
-- KEYS: audit:configuration
-- ARGV: part, now, settings (JSON), digest, detail (JSON)
-- Answer: 1, or 0 if that was known
local part, now, settings, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local name = key('audit', 'configuration')
local known = redis.call('HGET', name, part)
-- Several processes of one part start at once.
if known and cjson.decode(known).digest == digest then
  return 0
end
redis.call('HSET', name, part, settings)
pending(ARGV[5])
return 1
