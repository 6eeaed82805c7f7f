"""Verified deliveries on disk, while Redis cannot take them."""
