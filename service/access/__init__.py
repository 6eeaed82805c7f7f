"""Who calls: operators, tokens, log-ins, addresses. What they may do is in the routes."""
