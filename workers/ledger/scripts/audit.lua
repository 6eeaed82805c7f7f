-- One decision for the audit log.
-- KEYS: none of its own
-- ARGV: now, what, detail (JSON)
-- Answer: 1
audit(ARGV[1], ARGV[2], cjson.decode(ARGV[3]))
return 1
