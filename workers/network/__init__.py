"""Calls to other hosts: which addresses, whose certificates, when again."""
