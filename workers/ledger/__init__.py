"""The record of everything received and everything done, under Unglue's own keys in Redis.

RQ is the transport and may lose, double or delay any job; this is the source of truth.
"""
