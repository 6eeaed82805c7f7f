"""What reaches far: counted and shown first, then done as it was counted."""
