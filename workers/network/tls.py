"""Whose certificates are believed: the public authorities, loaded once a process."""

import ssl
from functools import lru_cache

import httpx


@lru_cache
def public_authorities(*, trust_env: bool = False) -> ssl.SSLContext:
    """The context for a client; with `trust_env`, `SSL_CERT_FILE` and `SSL_CERT_DIR` count.

    Reading them takes some 25 ms, which each RQ job of a few requests would pay anew.
    """
    return httpx.create_ssl_context(trust_env=trust_env)
