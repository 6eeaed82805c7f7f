"""The signing keys that a vendor keeps on its own server, fetched while a delivery waits.

The URL comes from an adapter, which has pinned it to a configured origin. What is guarded here is
the way there and back: no redirect, no private address, a small answer, a short wait, and no more
requests than a flood of forged deliveries should cost the vendor.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

import httpx

from adapters.errors import SignatureInvalid, SigningKeyUnavailable
from adapters.origin import is_loopback, split_url
from adapters.payload import Malformed, parse_json
from adapters.pointer import at
from workers.network.addresses import AddressRefused, NameUnknown, resolve
from workers.network.pinned import exchange, new_client, read_raw
from workers.network.strangers import Allowance, Newest
from workers.network.tls import load_client, public_authorities


class KeyUnknown(SignatureInvalid):
    """The vendor does not know the key: made up, or not known yet to the server that was asked."""


_ANSWER_LIMIT = 64 * 1024
_KEY_LIMIT = 4096
_SECONDS = 2.0
_KEPT = 256

# How long an answer is believed, in seconds. A caller who suspects that the key has changed gets
# one that is younger than `_REFRESH`.
# Its vendor may send again within 2 s what it does not know itself yet.
_TTL = {str: 60.0, SignatureInvalid: 10.0, KeyUnknown: 1.0, SigningKeyUnavailable: 1.0}
_REFRESH = 2.0
# Requests to one origin: at once, and then per second.
_BURST, _PER_SECOND = 10, 2.0
# Answers that say nothing about the key itself: it may be asked for again.
_NOT_ABOUT_THE_KEY = {401, 403, 407, 408, 421, 425, 426, 429}

# The URL is as good as the key, and at INFO httpx logs whole URLs.
logging.getLogger("httpx").setLevel(logging.WARNING)

Refusal = SignatureInvalid | SigningKeyUnavailable


class AskedTooOften(SigningKeyUnavailable):
    """The key server was not asked: made-up keys used up what it should be asked."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a URL gave at a moment: the key, or why there is none."""

    at: float
    outcome: str | Refusal

    def younger_than(self, seconds: float, now: float) -> bool:
        return now - self.at < seconds

    def believed(self, now: float) -> bool:
        return self.younger_than(_TTL[type(self.outcome)], now)

    def value(self) -> str:
        if isinstance(self.outcome, str):
            return self.outcome
        # Anew: one exception raised many times would drag all its tracebacks along.
        raise type(self.outcome)(self.outcome.message)


class SigningKeys:
    """Fetches and, briefly, remembers signing keys.

    URLs that have given a key are remembered and counted apart from all others, so that made-up
    ones can neither push them out nor use up their requests.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        resolver: Callable[..., Awaitable[str]] = resolve,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = _SECONDS,
    ) -> None:
        self._monotonic = monotonic
        self._resolver = resolver
        self._tls = tls or public_authorities()
        self._timeout_seconds = timeout_seconds
        self._keys = Newest[str, _Answer](_KEPT)
        self._refusals = Newest[str, _Answer](_KEPT)
        self._allowances: dict[tuple[str, bool], Allowance] = {}
        self._fetching: dict[str, asyncio.Task[_Answer]] = {}

    @classmethod
    def connect(cls) -> Self:
        """Keys for a running service; leave the context to stop what is under way."""
        # Here, and not while the first sender waits.
        load_client()
        return cls()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        tasks = tuple(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def has_given_one(self, url: str) -> bool:
        """Whether this URL has given a key before, so that it is the vendor's and not made up."""
        return self._keys.found(url) is not None

    async def get(self, url: str, *, refresh: bool = False) -> str:
        """The key kept at the URL.

        `refresh` asks the vendor again, for a signature that does not fit the remembered key:
        the vendor may have changed it.

        Raises:
            KeyUnknown: the vendor does not know the key (400, 404 and the like).
            SignatureInvalid: the address is none of a key.
            SigningKeyUnavailable: it does not answer, answers nonsense, or is asked too often.
        """
        now = self._monotonic()
        known = self._keys.found(url)
        if known and (known.younger_than(_REFRESH, now) or (known.believed(now) and not refresh)):
            return known.value()
        refused = self._refusals.found(url)
        if refused and refused.believed(now):
            return refused.value()
        task = self._fetching.get(url)
        if task is None:
            self._require_allowance(url, known is not None, now)
            task = asyncio.create_task(self._fetch(url))
            self._fetching[url] = task
            task.add_done_callback(lambda _: self._fetching.pop(url, None))
        # Shielded: others may wait for the same answer when this caller gives up.
        return (await asyncio.shield(task)).value()

    def _require_allowance(self, url: str, has_given_a_key: bool, now: float) -> None:
        try:
            origin, _ = split_url(url)
        except ValueError as error:
            raise SignatureInvalid(f"the signing key's address {error}") from None
        allowance = self._allowances.setdefault(
            (origin, has_given_a_key), Allowance(_BURST, _PER_SECOND, now)
        )
        if not allowance.take(now):
            raise AskedTooOften(
                f"{origin} was asked for too many signing keys just now, so this one was not "
                "asked for; if nobody forges deliveries, this passes in a second"
            )

    async def _fetch(self, url: str) -> _Answer:
        outcome: str | Refusal
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcome = _key(*await self._download(url))
        except (SignatureInvalid, SigningKeyUnavailable) as error:
            outcome = error
        except TimeoutError:
            outcome = SigningKeyUnavailable(
                f"the key server gave no complete answer within {self._timeout_seconds:g} s"
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text may quote the URL.
            outcome = SigningKeyUnavailable(f"the key server: {type(error).__name__}")
        answer = _Answer(self._monotonic(), outcome)
        if isinstance(outcome, str):
            self._keys[url] = answer
            self._refusals.pop(url, None)
            return answer
        if isinstance(outcome, SignatureInvalid):
            self._keys.pop(url, None)
        self._refusals[url] = answer
        return answer

    async def _download(self, url: str) -> tuple[int, bytes]:
        _, parts = split_url(url)
        host = parts.hostname or ""
        address = await self._address(
            host,
            parts.port or (443 if parts.scheme == "https" else 80),
            plain=parts.scheme != "https",
        )
        async with (
            new_client(self._timeout_seconds, self._tls) as client,
            exchange(client, "GET", url, address, {"accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                return answer.status_code, b""
            body = await read_raw(answer, _ANSWER_LIMIT)
            if len(body) > _ANSWER_LIMIT:
                raise SigningKeyUnavailable("the key server's answer is larger than 64 KiB")
            return 200, body

    async def _address(self, host: str, port: int, *, plain: bool) -> str:
        """An address to ask: public, or this machine if http. Raises SigningKeyUnavailable."""
        if plain and not is_loopback(host):
            raise SignatureInvalid("the signing key's address must be https")
        try:
            address = await self._resolver(host, port, allow_private=plain)
        except NameUnknown as error:
            raise SigningKeyUnavailable(f"the key server: {error.message}") from None
        except AddressRefused:
            raise SigningKeyUnavailable(
                f"the key server {host} has an address that is not public, and signing keys are "
                "fetched from public addresses only; check key_origin and the name service"
            ) from None
        if plain and not is_loopback(address):
            raise SigningKeyUnavailable("plain http is for a key server on this machine only")
        return address


def _key(status: int, body: bytes) -> str:
    """The key in the key server's answer; its content type is not reliable.

    Raises:
        KeyUnknown: the server says that there is no such key.
        SigningKeyUnavailable: the answer says nothing about the key.
    """
    if 400 <= status < 500 and status not in _NOT_ABOUT_THE_KEY:
        raise KeyUnknown(f"the vendor knows no such signing key ({status})")
    if status != 200:
        raise SigningKeyUnavailable(f"the key server answers {status}")
    try:
        key = at(parse_json(body), "/signing_key")
    except Malformed as error:
        raise SigningKeyUnavailable(f"the key server's answer is unreadable ({error})") from None
    if not isinstance(key, str) or not 0 < len(key) <= _KEY_LIMIT:
        raise SigningKeyUnavailable('the key server\'s answer has no "signing_key"')
    return key
