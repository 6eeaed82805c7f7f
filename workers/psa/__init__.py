"""The PSA's own API: what it says of a company, asked before its organization is deleted."""
