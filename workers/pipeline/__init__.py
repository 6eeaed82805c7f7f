"""The pipeline: plan, gates, approval, export, delete, verify. One deletion at a time."""
