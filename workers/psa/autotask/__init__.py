"""Autotask PSA as it is asked: the tenant's server, and its companies."""
