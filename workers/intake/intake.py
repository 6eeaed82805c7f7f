"""Intake: verify, adapt, record. What the service, replays and the quarantine all go through."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic_core import to_json

from adapters import caught_up
from adapters.contract import Adapter, SourceConfig
from adapters.errors import (
    ConfigurationError,
    NotFound,
    SignatureInvalid,
    SigningKeyUnavailable,
    UnglueError,
)
from adapters.headers import Headers
from adapters.models import Ignored, Request, Verdict
from adapters.registry import VENDORS
from workers.intake.coding import decoded, require_readable
from workers.intake.events import event_of, may_say_active, too_old
from workers.intake.signing_keys import AskedTooOften, KeyUnknown, SigningKeys
from workers.intake.spool.frames import Spooled
from workers.intake.spool.spool import Spool
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.deliveries import Deliveries, Delivery, Receipt, Replay
from workers.ledger.events.quarantine import PATIENCE, Quarantine
from workers.ledger.installation.condition import condition_of
from workers.settings.policy import Mode, milder
from workers.times.clock import Clock, to_ms
from workers.times.limits import TimeLimits

# Credentials stay out of the record; these are what a person needs to understand a delivery.
_KEPT_HEADERS = (
    "content-type",
    "content-encoding",
    "user-agent",
    "x-content-signature",
    "x-hook-signature",
)
_KEPT_PREFIXES = ("webhook-", "svix-", "ce-")
_STRENGTH = ("ignored", "duplicate", "rejected", "unverified", "cancelled", "accepted")
# Together with the spool's share less than the 2 s in which a sender hears of a failure.
STORAGE_SECONDS: Final = 1.3
QUARANTINE_FIRST_LOOK = timedelta(seconds=10)
KEY_UNAVAILABLE: Final = "signing_key_unavailable"
KEY_UNKNOWN: Final = "signing_key_unknown"
KEY_NOT_ASKED_FOR: Final = "signing_key_not_asked_for"
QUARANTINE_MOST: Final = timedelta(hours=1)


class KeyNotAskedFor(UnglueError):
    """Whether a delivery is genuine was not found out, to spare the vendor's key server."""

    code = "TooManyAttempts"
    http_status = 429
    retryable = True


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a delivery came that is recorded now, and when it came for the last time, if again."""

    first: datetime
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of a delivery that is now durable: one receipt an event.

    `delivery_id` is the record's in which it is kept or, if it only repeats another one, counted.
    """

    delivery_id: str
    receipts: tuple[Receipt, ...]

    @property
    def strongest(self) -> Receipt:
        """The receipt that stands for the whole delivery."""
        return max(self.receipts, key=lambda receipt: _STRENGTH.index(receipt.verdict))


def _kept(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in headers.items
        if name in _KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)
    )


@dataclass(kw_only=True)
class Intake:
    """The way in for deliveries of the configured sources.

    With a `spool`, what Redis does not take is kept there, and what comes later behind it. `mode`
    is the policy's as events ask: nothing harder will be done. `on_the_way` is how many jobs of new
    deletions will soon be in the queue.
    """

    sources: Mapping[str, SourceConfig]
    deliveries: Deliveries
    quarantine: Quarantine
    keys: SigningKeys
    callback_url: str | None
    max_event_age: timedelta
    clock: Clock
    new_id: Callable[[str], str]
    spool: Spool | None = None
    mode: Mode | None = None
    on_the_way: Callable[[], int] | None = None
    _limits: TimeLimits = field(default_factory=TimeLimits, init=False)

    def source(self, name: str) -> tuple[SourceConfig, Adapter]:
        """The configuration and the adapter of a source. Raises NotFound."""
        config = self.sources.get(name)
        if config is None:
            raise NotFound("there is no source of this name; see [sources] in unglue.toml")
        return config, VENDORS[config.vendor]

    async def accept(
        self, source: str, headers: Headers, body: bytes, *, sparing: bool = False
    ) -> Acknowledged:
        """Make one delivery durable, if it is genuine.

        `sparing`: its sender failed too often just now, so no key server is asked for a key that
        it never gave. What can be verified without that is.

        Raises:
            NotFound: the source is unknown.
            KeyNotAskedFor: it was `sparing`, and the key is not known.
            SignatureInvalid: it is not genuine; nothing was stored.
            SigningKeyUnavailable: the vendor's key server does not answer, and the quarantine is
                full.
            redis.RedisError, TimeoutError, StorageUnavailable: it could not be made durable.
        """
        config, adapter = self.source(source)
        require_readable(headers)
        now = self.clock()
        try:
            await self._verify(adapter, config, headers, body, sparing=sparing)
        except SigningKeyUnavailable as error:
            delivery = self._delivery(source, config.vendor, headers)
            due = now + QUARANTINE_FIRST_LOOK
            # Not spooled: who cannot be told from a forger may not fill the disk.
            with self._limits.within(STORAGE_SECONDS):
                kept = await self.quarantine.keep(delivery=delivery, body=body, due=due, now=now)
            if kept is None:
                raise
            reason = KEY_NOT_ASKED_FOR if isinstance(error, AskedTooOften) else KEY_UNAVAILABLE
            return Acknowledged(kept, (Receipt("unverified", reason),))
        verdicts = adapter.read(config, headers, decoded(headers, body), now)
        delivery_id = self.new_id("dlv")
        if self.spool is None:
            with self._limits.within(STORAGE_SECONDS):
                return await self.record(source, headers, body, verdicts, delivery_id)
        with self.spool.in_hand(now):
            if not self.spool.waiting:
                try:
                    with self._limits.within(STORAGE_SECONDS):
                        return await self.record(source, headers, body, verdicts, delivery_id)
                except Exception as error:
                    if condition_of(error) is None:
                        raise
            waiting = Spooled(delivery_id, source, config.vendor, now, _kept(headers), body)
            back = any(map(may_say_active, verdicts))
            await self.spool.keep(waiting, reactivates=back)
            return Acknowledged(delivery_id, (Receipt("accepted", "spooled"),))

    async def unspool(self, delivery: Spooled) -> Acknowledged:
        """Record a delivery that waited in the spool: the moment that counts is its receipt.

        Raises:
            NotFound, ConfigurationError: its source is not what it was.
            redis.RedisError: it could not be made durable.
        """
        config, adapter = self.source(delivery.source)
        if config.vendor != delivery.vendor:
            raise ConfigurationError(f"source {delivery.source} was {delivery.vendor}'s")
        headers, came = Headers.of(delivery.headers), delivery.received_at
        verdicts = adapter.read(config, headers, decoded(headers, delivery.body), came)
        return await self.record(
            delivery.source, headers, delivery.body, verdicts, delivery.id, Arrival(came),
            how="in_order",
        )  # fmt: skip

    async def release(self, delivery_id: str) -> Acknowledged | None:
        """Verify a quarantined delivery: what became of it, or `None` while nobody can tell.

        It is tried less and less, and stays until it is proved, is seen not to be genuine, or a
        person dismisses it. That its key does not fit shows that only soon after it came: a vendor
        changes and forgets its keys. The moment that counts is the one at which it came.
        """
        delivery = await self.deliveries.get(delivery_id)
        now = self.clock()
        if delivery.verdict != "unverified":
            # Proved before, by a process that died before it could say so.
            await self.quarantine.leave(delivery_id, now)
            return None
        if not await self.quarantine.take(delivery_id, now):
            return None
        known = self.sources.get(delivery.source)
        if known is None or known.vendor != delivery.vendor:
            # Whoever knows what could prove it may put it into the configuration again.
            await self._wait(delivery, now)
            return None
        config, adapter = self.source(delivery.source)
        headers = Headers.of(delivery.headers)
        try:
            adapter.key_url(config, headers, delivery.body)
        except SignatureInvalid:
            # It was this source's by the configuration of then, which may be put right again.
            await self._wait(delivery, now)
            return None
        try:
            await self._verify(adapter, config, headers, delivery.body)
        except SignatureInvalid as error:
            late = now - delivery.received_at >= PATIENCE
            # A server that has just come back may know no key at all: it is asked once more.
            once = isinstance(error, KeyUnknown) and delivery.reason != KEY_UNKNOWN
            if late or once:
                await self._wait(delivery, now, KEY_UNKNOWN)
                return None
            await self.quarantine.leave(delivery_id, now, reason="not_genuine")
            return None
        except SigningKeyUnavailable:
            await self._wait(delivery, now)
            return None
        verdicts = adapter.read(
            config, headers, decoded(headers, delivery.body), delivery.received_at
        )
        acknowledged = await self.record(
            delivery.source,
            headers,
            delivery.body,
            verdicts,
            delivery_id,
            Arrival(delivery.received_at, delivery.last_seen),
        )
        await self.quarantine.leave(delivery_id, now)
        return acknowledged

    async def _wait(self, delivery: Delivery, now: datetime, reason: str = KEY_UNAVAILABLE) -> None:
        age = now - delivery.received_at
        pause = min(max(age, QUARANTINE_FIRST_LOOK), QUARANTINE_MOST)
        await self.quarantine.later(delivery.id, now + pause, reason)
        await self.quarantine.tell(now)

    async def replay(self, delivery_id: str, replay: Replay) -> Acknowledged:
        """Read a stored delivery again, as its source is configured now.

        It was verified when it came, and the moment that counts is the one at which it came.

        Raises:
            NotFound: there is no such delivery.
            ReplayRefused: it was never proved, has nothing left to handle, or its source or its
                body is gone.
            redis.RedisError: it is not known whether anything happened.
        """
        delivery = await self.deliveries.get(delivery_id)
        if delivery.verdict == "unverified":
            raise ReplayRefused("unproved", delivery_id)
        if delivery.dropped is not None:
            raise ReplayRefused("body_dropped", delivery_id)
        config = self.sources.get(delivery.source)
        if config is None or config.vendor != delivery.vendor:
            raise ReplayRefused("no_source", delivery_id)
        headers, came = Headers.of(delivery.headers), delivery.received_at
        if delivery.caught_up:
            verdicts = caught_up.read(config, delivery.body, came)
        else:
            adapter = VENDORS[config.vendor]
            verdicts = adapter.read(config, headers, decoded(headers, delivery.body), came)
        return await self.record(
            delivery.source,
            headers,
            delivery.body,
            verdicts,
            delivery_id,
            Arrival(came, delivery.last_seen),
            replay,
            how="caught_up" if delivery.caught_up else "sent",
        )

    async def catch_up(self, source: str, company: Mapping[str, Any]) -> Receipt | None:
        """Take in what a source's PSA said of a company, unless it is known already.

        What became of it; `None` if it was known, or an event that said so would ask for nothing.

        Raises:
            NotFound: the source is unknown.
            redis.RedisError, NotDurable: it is not known whether it is durable; say it again.
        """
        config, _ = self.source(source)
        body = caught_up.body_of(company)
        verdicts = caught_up.read(config, body, self.clock())
        if isinstance(verdicts[0], Ignored):
            return None
        taken = await self.record(source, Headers.of(()), body, verdicts, how="caught_up")
        (receipt,) = taken.receipts
        return None if receipt.verdict == "duplicate" else receipt

    async def _verify(
        self, adapter: Adapter, config: SourceConfig, headers: Headers, body: bytes, *,
        sparing: bool = False,
    ) -> None:  # fmt: skip
        url = adapter.key_url(config, headers, body)
        if url is None:
            adapter.verify(config, headers, body, None, self.clock())
            return
        if sparing and not self.keys.has_given_one(url):
            raise KeyNotAskedFor(
                "too many deliveries from this address were not genuine just now, so no key server "
                "is asked about this one; send it again later"
            )
        key = await self.keys.get(url)
        try:
            adapter.verify(config, headers, body, key, self.clock())
        except SignatureInvalid:
            # The vendor may have changed its key since it was cached.
            fresh = await self.keys.get(url, refresh=True)
            if fresh == key:
                raise
            adapter.verify(config, headers, body, fresh, self.clock())

    async def record(
        self,
        source: str,
        headers: Headers,
        body: bytes,
        verdicts: Sequence[Verdict],
        delivery_id: str | None = None,
        arrived: Arrival | None = None,
        replay: Replay | None = None,
        *,
        how: Literal["sent", "in_order", "caught_up"] = "sent",
    ) -> Acknowledged:
        """Record the verdicts of a genuine delivery and do what they ask for.

        `arrived` is when it came, if that is not now. `in_order`: everything else from its
        process waited with it, and all of it is judged as if it were that moment. What is replayed
        was believed then, so its age is the one that it had then. Where it was only counted when it
        came again, it is as new as it was last seen: between them the client may have been back.
        What a PSA says when it is asked (`caught_up`) is never too old.
        """
        now = self.clock()
        came = arrived.first if arrived else now
        as_it_came = how == "in_order" or replay is not None
        counts, said = came if as_it_came else now, (arrived and arrived.last) or came
        events = []
        for verdict in verdicts:
            # What could not be proved in time was not sent too late.
            old = too_old(verdict, self.max_event_age, came)
            judged = verdict if how == "caught_up" else old
            event = event_of(judged, said, max(counts, said), in_order=as_it_came)
            if event["kind"] == "request":
                event["deletion_id"] = self.new_id("del")
                event["callback_url"] = self._callback_for(verdict)
                # What is not said is "".
                if asked_mode := milder(self.mode, replay.mode if replay else None):
                    event["asked_mode"] = asked_mode
                event["read_by"] = self.sources[source].meaning
                if replay and replay.known_as:
                    event["asked_as"] = replay.known_as
            events.append(event)
        vendor = self.sources[source].vendor
        delivery = self._delivery(source, vendor, headers, delivery_id)
        if how == "in_order":
            delivery["received_at"] = str(to_ms(came))
        if how == "caught_up":
            delivery["caught_up"] = "1"
        receipts = await self.deliveries.receive(
            delivery=delivery,
            body=body,
            events=events,
            now=now,
            replay=replay,
            on_the_way=self.on_the_way() if self.on_the_way else 0,
        )
        return Acknowledged(receipts[0].repeat_of or delivery["id"], receipts)

    def _delivery(
        self, source: str, vendor: str, headers: Headers, delivery_id: str | None = None
    ) -> dict[str, str]:
        return {
            "id": delivery_id or self.new_id("dlv"),
            "source": source,
            "vendor": vendor,
            "headers": to_json(_kept(headers)).decode(),
        }

    def _callback_for(self, verdict: Verdict) -> str:
        asked = verdict.request.callback_url if isinstance(verdict, Request) else None
        return asked or self.callback_url or ""
