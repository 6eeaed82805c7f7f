"""What the commands share: the API client, the screen, waiting, tables."""
