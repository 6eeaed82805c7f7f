"""Where people decide on deletions that wait for them: what the API, the page and the CLI share."""
