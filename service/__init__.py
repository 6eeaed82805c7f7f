"""The ways in: HTTP routes, operators' authentication, the `unglue` command line."""
