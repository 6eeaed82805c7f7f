"""The processes: worker, scheduler, and the RQ jobs between them. No decisions."""
