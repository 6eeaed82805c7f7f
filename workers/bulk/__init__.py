"""Many deletions or deliveries at once: sweeps and replays, in slices that survive a crash."""
