"""IT Glue's REST API: the one place that talks to it."""
