"""Many of them at once: sweeps, replays, catching up and links, in slices that survive a crash."""
