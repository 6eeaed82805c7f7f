"""Records of results and notifications on their way."""
