"""The audit log as Redis keeps it; the chain itself is in workers.audit."""
