"""Time as values: instants, durations, cron. The clock itself is passed in."""
