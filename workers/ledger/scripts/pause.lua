-- Everything destructive stops, because a person or something outside Redis says so.
-- ARGV: now, cause, operator ('' if no person says it), reason
return pause(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
