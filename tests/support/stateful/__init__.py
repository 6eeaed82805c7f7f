"""A rehearsal that a generator can drive: one thread, no waiting, every interleaving by choice.

loop.py      an event loop whose time is the test's clock
job.py       one worker's job, which can be stopped at every line it speaks on
lines.py     those lines: scripts to the real Valkey, requests to the sandbox
account.py   the sandbox, watched: what every request was shown
psa.py       the PSA: what it says of each company, or nothing
judge.py     an independent opinion on every DELETE, from what was really there
clients.py   an independent opinion on who was active, from the events
books.py     what must always hold of the ledger
rehearsal.py all of it together
driver.py    the rules as they are said to hypothesis, and a plain seeded driver of them
direct.py    a client of the server for one thread, with nothing around a command
"""
