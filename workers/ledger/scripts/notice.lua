-- Something that people must be told. ARGV: now, kind, detail (JSON), once ('' for always), for how long
return notice(tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3]), ARGV[4], tonumber(ARGV[5])) or ''
