-- Something that people must be told.
-- KEYS: none of its own
-- ARGV: now, kind, detail (JSON), once ('' for always), for how long
-- Answer: the notice's id, '' if this hour had too many of its kind
return notice(tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3]), ARGV[4], tonumber(ARGV[5])) or ''
