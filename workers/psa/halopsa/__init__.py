"""HaloPSA as it is asked: its clients, active and inactive."""
