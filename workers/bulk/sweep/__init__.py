"""Sweeps: what a schedule looks for, and how it asks for the deletion of what it finds."""
