-- A person stops everything destructive. ARGV: now, operator, reason
return pause(ARGV[1], 'operator', ARGV[2], ARGV[3])
