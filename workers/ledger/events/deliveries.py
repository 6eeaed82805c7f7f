"""What sources sent: recorded, deduplicated and acted on in one step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic_core import to_json

from adapters.errors import NotFound
from adapters.payload import digest_of
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.commits import Commits
from workers.ledger.packing import joined, unpacked
from workers.ledger.records import loaded
from workers.ledger.store import Store, text
from workers.settings.policy import Mode
from workers.times.clock import from_ms, rfc3339
from workers.traces.tracing import traced

_AT_ONCE: Final = 200
# Of a SHA-256: enough that no two bodies of one event are taken for the same.
_DIGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who said that a delivery need hold no deletion, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request from a source, as it arrived, and what became of it.

    It came `repeats` times more, the last time at `last_seen`. `dropped` is how many bytes the body
    had, if it is no longer kept. `caught_up`: nobody sent it, the PSA said it when it was asked.
    """

    id: str
    source: str
    vendor: str
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    body: bytes
    verdict: str
    reason: str
    deletion_id: str | None
    events: tuple[Mapping[str, Any], ...]
    generation: int = 1
    dismissed: Dismissal | None = None
    repeats: int = 0
    last_seen: datetime | None = None
    dropped: int | None = None
    caught_up: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one event of a delivery.

    `verdict` is one of `states.VERDICTS`; `reason` a code; `alert` a code that operators must hear
    of, `missing` how many events before this one never came. `job` is the number of the first
    job of a new deletion. `repeat_of` is the delivery with which this one was counted.
    """

    verdict: str
    reason: str
    deletion_id: str | None = None
    event_id: str = ""
    alert: str | None = None
    job: int | None = None
    missing: int | None = None
    repeat_of: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """Who has something replayed. `token` names the replay: with the same one it is done once.

    `known_as` is by what the operator is told from others, `mode` the policy's when that was said.
    """

    operator: str
    token: str
    known_as: str = ""
    mode: Mode | None = None


_ANSWER: Final[TypeAdapter[tuple[Receipt, ...] | dict[str, str]]] = TypeAdapter(
    tuple[Receipt, ...] | dict[str, str]
)


def _dismissal(fields: Mapping[str, str]) -> Dismissal | None:
    if "dismissed_at" not in fields:
        return None
    at = from_ms(fields["dismissed_at"])
    return Dismissal(fields["dismissed_by"], at, fields["dismissed_reason"])


def _receipts(fields: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    """What became of each event; of a packed one its own fields may say it (`pack.lua`)."""
    if "events" in fields or "event_id" not in fields:
        return tuple(json.loads(fields.get("events") or "[]"))
    named = {name: fields[name] for name in ("event_id", "verdict", "reason", "deletion_id")}
    return ({**named, "job": int(fields["event_job"])} if "event_job" in fields else named,)


class Deliveries:
    """The deliveries."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._commits = Commits(store, "receive")
        self._asking = 0

    async def close(self) -> None:
        """End what is under way."""
        await self._commits.close()

    @traced("ledger receive")
    async def receive(
        self,
        *,
        delivery: Mapping[str, str],
        body: bytes,
        events: Sequence[Mapping[str, Any]],
        now: datetime,
        replay: Replay | None = None,
        on_the_way: int = 0,
    ) -> tuple[Receipt, ...]:
        """Make a verified delivery durable, and do what its events ask for.

        `events` holds at least one event, each with `kind`, `event_id` and what its kind needs.
        `delivery` may say when it was `received_at`, in milliseconds, if that is not now, and that
        it is `caught_up`: then it has one event, and what is known already is not stored. With
        `replay` it is stored already, and what had no effect then may have one now. What says
        again what was handled, byte for byte, is not stored; its receipts name the first such.
        What waits at the same moment is sent together. `on_the_way` are the jobs of this process
        that will soon be in the queue, which is kept short.

        Raises:
            NotDurable: it was recorded, and may yet be lost with the server: send it again.
            ReplayRefused: the replay must not be, and why.
        """
        # What is not understood may say it, too.
        reactivates = any(
            event["kind"] == "reactivated" or event.get("holds", False) for event in events
        )
        asking = sum(event["kind"] == "request" for event in events)
        args = [
            now,
            now + self._store.requeue_after,
            self._store.retention,
            on_the_way + self._asking,
            delivery["id"],
            delivery["source"],
            delivery["vendor"],
            delivery.get("received_at", ""),
            delivery.get("caught_up", ""),
            delivery["headers"],
            digest_of(body)[:_DIGEST],
            body,
            to_json(events),
            *((replay.operator, replay.token) if replay else ("", "")),
        ]
        self._asking += asking
        try:
            raw = await self._commits.run(
                args, size=len(body), durable=self._store.fsync or reactivates
            )
        finally:
            self._asking -= asking
        receipts = _ANSWER.validate_json(raw)
        if isinstance(receipts, dict):
            raise ReplayRefused(receipts["refused"], delivery["id"])
        for receipt in receipts:
            if receipt.job is not None and receipt.deletion_id is not None:
                await self._store.carry_trace(receipt.deletion_id)
        return receipts

    async def get(self, delivery_id: str) -> Delivery:
        """One delivery. Raises NotFound: there is none of this id."""
        key = self._store.key("delivery", delivery_id)
        raw = cast("dict[bytes, bytes]", await self._store.redis.hgetall(key))
        if not raw:
            raise NotFound(f"there is no delivery {delivery_id}")
        value, raw = joined(raw)
        body = raw.pop(b"body", b"")
        if value is not None:
            raw[b"headers"], _, body = unpacked(value).partition(b"\0")
        fields = {name.decode(): value.decode() for name, value in raw.items()}
        return loaded(
            Delivery,
            fields,
            headers=tuple((name, value) for name, value in json.loads(fields["headers"])),
            body=body,
            events=_receipts(fields),
            dismissed=_dismissal(fields),
            dropped=int(fields["body_dropped"]) if "body_dropped" in fields else None,
        )

    async def dismiss(
        self, delivery_ids: Sequence[str], *, operator: str, reason: str, now: datetime
    ) -> dict[str, str]:
        """End what these stored deliveries hold: "dismissed", "holds_nothing" or "unknown"."""
        outcomes: dict[str, str] = {}
        for start in range(0, len(delivery_ids), _AT_ONCE):
            some = delivery_ids[start : start + _AT_ONCE]
            flat = await self._store.run("dismiss", now, operator, reason, *some)
            outcomes |= text(flat)
        return outcomes

    async def history(self, delivery_id: str) -> list[dict[str, Any]]:
        """What became of a delivery before each of its replays, oldest first."""
        lines = await self._store.redis.lrange(self._store.key("history", delivery_id), 0, -1)
        entries = [json.loads(line) for line in lines]
        return [
            {
                **entry,
                "events": json.loads(entry["events"]),
                "replayed_at": rfc3339(from_ms(entry["replayed_at"])),
            }
            for entry in entries
        ]
