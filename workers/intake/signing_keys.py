"""The signing keys that a vendor keeps on its own server, fetched while a delivery waits.

The URL comes from an adapter, which has pinned it to a configured origin. What is guarded here is
the way there and back: no redirect, no private address, a small answer, a short wait, and no more
requests than a flood of forged deliveries should cost the vendor.
"""

import asyncio
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, Self

import httpx

from adapters.errors import SignatureInvalid, SigningKeyUnavailable
from adapters.origin import is_loopback, split_url
from adapters.payload import Malformed, parse_json
from adapters.pointer import at
from workers.network.addresses import AddressRefused, NameUnknown, resolve
from workers.network.pinned import exchange, new_client, read_raw
from workers.network.tls import load_client, public_authorities

_ANSWER_LIMIT = 64 * 1024
_KEY_LIMIT = 4096
_SECONDS = 2.0
_KEPT = 256

# How long an answer is believed, in seconds. A caller who suspects that the key has changed gets
# one that is younger than `_REFRESH`.
_TTL = {str: 60.0, SignatureInvalid: 10.0, SigningKeyUnavailable: 1.0}
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


class Resolver(Protocol):
    """Finds one checked address of a host; raises what `addresses.resolve` raises."""

    def __call__(self, host: str, port: int, /, *, allow_private: bool) -> Awaitable[str]:
        """The address."""
        ...


class _Allowance:
    """A number of requests that refills with time."""

    def __init__(self, now: float) -> None:
        self._left: float = _BURST
        self._at = now

    def take(self, now: float) -> bool:
        self._left = min(_BURST, self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


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


class _Recent:
    """The newest answers by URL, at most `_KEPT` of them."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, _Answer] = OrderedDict()

    def get(self, url: str) -> _Answer | None:
        if url in self._answers:
            self._answers.move_to_end(url)
        return self._answers.get(url)

    def put(self, url: str, answer: _Answer) -> None:
        self._answers[url] = answer
        self._answers.move_to_end(url)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)

    def drop(self, url: str) -> None:
        self._answers.pop(url, None)


class SigningKeys:
    """Fetches and, briefly, remembers signing keys.

    URLs that have given a key are remembered and counted apart from all others, so that made-up
    ones can neither push them out nor use up their requests.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = _SECONDS,
    ) -> None:
        self._monotonic = monotonic
        self._resolver = resolver
        self._tls = tls or public_authorities()
        self._timeout_seconds = timeout_seconds
        self._keys = _Recent()
        self._refusals = _Recent()
        self._allowances: dict[tuple[str, bool], _Allowance] = {}
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
        return self._keys.get(url) is not None

    async def get(self, url: str, *, refresh: bool = False) -> str:
        """The key kept at the URL.

        `refresh` asks the vendor again, for a signature that does not fit the remembered key:
        the vendor may have changed it.

        Raises:
            SignatureInvalid: the vendor does not know the key (400, 404 and the like).
            SigningKeyUnavailable: it does not answer, answers nonsense, or is asked too often.
        """
        now = self._monotonic()
        known = self._keys.get(url)
        if known and (known.younger_than(_REFRESH, now) or (known.believed(now) and not refresh)):
            return known.value()
        refused = self._refusals.get(url)
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
        allowance = self._allowances.setdefault((origin, has_given_a_key), _Allowance(now))
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
            self._keys.put(url, answer)
            self._refusals.drop(url)
            return answer
        if isinstance(outcome, SignatureInvalid):
            self._keys.drop(url)
        self._refusals.put(url, answer)
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
        SignatureInvalid: the server says that there is no such key.
        SigningKeyUnavailable: the answer says nothing about the key.
    """
    if 400 <= status < 500 and status not in _NOT_ABOUT_THE_KEY:
        raise SignatureInvalid(f"the vendor knows no such signing key ({status})")
    if status != 200:
        raise SigningKeyUnavailable(f"the key server answers {status}")
    try:
        key = at(parse_json(body), "/signing_key")
    except Malformed as error:
        raise SigningKeyUnavailable(f"the key server's answer is unreadable ({error})") from None
    if not isinstance(key, str) or not 0 < len(key) <= _KEY_LIMIT:
        raise SigningKeyUnavailable('the key server\'s answer has no "signing_key"')
    return key
