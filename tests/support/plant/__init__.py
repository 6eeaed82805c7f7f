"""A whole installation whose processes may be killed, frozen, cut off and started again.

forked.py    real processes, forked from one that has imported everything: a start takes no second
parts.py     what runs in them: the real commands
crowd.py     the sandbox with as many organizations as a test needs
receiver.py  the callback URL
wire.py      what stands between a process and the Valkey, and loses replies when told to
stops.py     where a process is struck: around the n-th run of a script, for one client
plant.py     all of it together
"""
