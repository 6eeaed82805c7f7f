"""Bulk replays: which records are meant, and one after the other."""
