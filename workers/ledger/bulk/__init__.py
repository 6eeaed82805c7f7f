"""Records of sweeps and replays."""
