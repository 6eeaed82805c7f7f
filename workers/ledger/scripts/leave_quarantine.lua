-- A quarantined delivery was proved, or is not genuine. ARGV: delivery id, now, reason ('' if proved)
return leave_quarantine(ARGV[1], ARGV[2], ARGV[3])
