"""`/rq`: the RQ dashboard of the package rq-dashboard, made safe to show and unable to change."""
