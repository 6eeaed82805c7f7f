"""The HTTP routes, a module a resource: parse, ask the ledger, answer. No decisions."""
