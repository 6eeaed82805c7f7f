"""One POST to a callback URL: checked address, verified TLS, no redirect, bounded answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from workers.addresses import AddressRefused, NameUnknown, resolve

_KEPT_BYTES = 2048
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back. `status` is `None` where nothing did; `answer` is cut to 2 kB."""

    status: int | None
    answer: str
    retry_after: float | None = None


def _seconds(value: str | None) -> float | None:
    """`Retry-After` in seconds; the date form is left to the schedule."""
    return float(value) if value is not None and value.isascii() and value.isdigit() else None


async def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    allowed_hosts: Sequence[str],
    allow_private: bool,
) -> Posted:
    """Send the body, and read as much of the answer as is worth keeping."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _post(url, body, headers, allowed_hosts, allow_private=allow_private)
    except TimeoutError:
        return Posted(None, f"no complete answer within {_SECONDS:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Posted(None, f"{type(error).__name__}: {error}"[:_KEPT_BYTES])
    except AddressRefused as error:
        hint = "see callback.allowed_hosts and callback.allow_private_networks"
        return Posted(None, f"{error.message}; {hint}")
    except NameUnknown as error:
        return Posted(None, error.message)


async def _post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allowed_hosts: Sequence[str],
    *,
    allow_private: bool,
) -> Posted:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("a callback URL must not carry a user name or a password")
    if allowed_hosts and host not in allowed_hosts:
        raise AddressRefused(f"the host {host!r} is not an allowed one")
    if parts.scheme != "https" and not allow_private:
        raise AddressRefused("a callback URL must be https")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = await resolve(host, port, allow_private=allow_private)
    # The connection goes to the address that was checked; name and certificate stay the URL's.
    target = httpx.URL(url).copy_with(host=address)
    async with (
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=_SECONDS) as client,
        client.stream(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc},
            extensions={"sni_hostname": host},
        ) as answer,
    ):
        kept = b""
        async for chunk in answer.aiter_raw():
            kept += chunk
            if len(kept) >= _KEPT_BYTES:
                break
        return Posted(
            answer.status_code,
            kept[:_KEPT_BYTES].decode(errors="replace"),
            _seconds(answer.headers.get("retry-after")),
        )
