"""`unglue up`: child processes, data directory, ports, signals; logs and metrics of all parts."""
