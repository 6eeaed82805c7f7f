"""Whether an organization is there or gone, and what proves it."""
