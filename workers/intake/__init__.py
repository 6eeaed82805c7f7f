"""Intake: a delivery is verified, read by its adapter and recorded. Nothing here deletes."""
