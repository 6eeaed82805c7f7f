"""What runs besides deletions: retention, silence, continuity of the ledger, room in Redis."""
