-- Everything destructive stops, because a person or something outside Redis says so.
-- KEYS: none of its own
-- ARGV: now, cause, operator ('' if no person says it), reason
-- Answer: the pause that stands (JSON)
return pause(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
