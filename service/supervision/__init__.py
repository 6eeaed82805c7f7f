"""`unglue up`: child processes, data directory, ports, signals, logs."""
