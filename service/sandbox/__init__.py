"""A stand-in for IT Glue's REST API, for rehearsals and tests. It deletes nothing real.

It answers what Unglue asks for, and what a careless client might, as
https://api.itglue.com/developer and people who tested the real service say. Where nobody knows what
IT Glue does, it does what is worst for a careless client: a filtered DELETE deletes every match, a
deleted parent takes its sub-organizations along, an export goes when its organization goes, and the
account's own organization can be deleted.

    seed.py     the organizations it starts with, and their ids
    faults.py   what can be made to go wrong
    gateway.py  what happens to every request before a route sees it
    routes/     IT Glue's resources, and the control endpoints under `/_sandbox/`
"""
