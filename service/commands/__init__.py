"""The commands of `unglue`, one module a kind."""
