"""The demonstration: the main job end to end, with everything that belongs to it, on loopback."""
