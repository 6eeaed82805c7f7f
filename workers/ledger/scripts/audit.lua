-- One decision for the audit log. ARGV: now, what, detail (JSON)
audit(ARGV[1], ARGV[2], cjson.decode(ARGV[3]))
return 1
