"""Traces across processes: what belongs to one deletion, from the request to the callback."""
