-- Something outside Redis shows that it lost what it held. ARGV: now, reason
pause(tonumber(ARGV[1]), 'ledger_lost', '', ARGV[2])
return 1
