"""What every HTTPS client needs, loaded once a process: public authorities, and modules."""

import ssl
from functools import lru_cache
from importlib import import_module

import httpx


def load_client() -> None:
    """Load what httpx imports with its first client, and at its first request."""
    for module in ("httpcore", "anyio._backends._asyncio"):
        import_module(module)


@lru_cache
def public_authorities(*, trust_env: bool = False) -> ssl.SSLContext:
    """The context for a client; with `trust_env`, `SSL_CERT_FILE` and `SSL_CERT_DIR` count.

    Reading them takes some 25 ms, which each RQ job of a few requests would pay anew.
    """
    return httpx.create_ssl_context(trust_env=trust_env)
