"""Records of the installation: account, configuration in force, pauses, heartbeats."""
