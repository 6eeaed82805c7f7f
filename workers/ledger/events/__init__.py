"""Records of deliveries: verdicts, quarantine, holds, spools, sources."""
