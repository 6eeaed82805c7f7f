"""The outbox: every result reaches its callback URL at least once, or is dead-lettered."""
