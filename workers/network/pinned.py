"""One request to a server whose address was resolved and checked before."""

import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx


def new_client(seconds: float, trust: ssl.SSLContext) -> httpx.AsyncClient:
    """A client that follows no redirect and asks no proxy; `trust`: whose certificates count."""
    return httpx.AsyncClient(verify=trust, follow_redirects=False, trust_env=False, timeout=seconds)


def exchange(
    client: httpx.AsyncClient, method: str, url: httpx.URL | str, address: str,
    headers: Mapping[str, str], **content: Any,  # noqa: ANN401 - httpx's own
) -> AbstractAsyncContextManager[httpx.Response]:  # fmt: skip
    """The answer, once its status is there.

    The connection goes to the address that was checked; name and certificate stay the URL's.
    """
    named = httpx.URL(url)
    own = {"user-agent": "Unglue", "accept-encoding": "identity"}
    return client.stream(
        method,
        named.copy_with(host=address),
        headers={**own, **headers, "host": named.netloc.decode("ascii")},
        extensions={"sni_hostname": named.raw_host.decode("ascii")},
        **content,
    )


async def read_raw(answer: httpx.Response, most: int) -> bytes:
    """Its body, or a little more than `most` bytes of it.

    Raw: what is small when compressed may be large.
    """
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > most:
            break
    return bytes(body)
