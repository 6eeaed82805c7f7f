-- A quarantined delivery was proved, or is not genuine.
-- KEYS: none of its own
-- ARGV: delivery id, now, reason ('' if proved)
-- Answer: 1, or 0 if it was not in quarantine
return leave_quarantine(ARGV[1], ARGV[2], ARGV[3])
