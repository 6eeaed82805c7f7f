"""ConnectWise PSA (formerly Manage): callbacks."""
