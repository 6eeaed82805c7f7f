"""The HTTP service: application, routes, answers, limits. No decisions about deletions."""
