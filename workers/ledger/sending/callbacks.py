"""The outbox: results on their way to callback URLs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.installation.condition import NotDurable
from workers.ledger.records import loaded, written
from workers.ledger.sending.results import fields_of
from workers.ledger.store import Part, text
from workers.times.clock import to_ms

# Longer than the schedule of the attempts is, all waits together.
_LONGEST_WAIT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Callback:
    """One result on its way to one callback URL, or one notice on its way to one target.

    What is neither brings its `body` and its `target` along; `kind` says what it is. `generation`
    is the deletion's whose result it is; a replayed one has a `target` of its own.
    """

    id: str
    deletion_id: str
    state: Literal["pending", "delivered", "stopped", "dead"]
    attempts: int
    fence: int
    created_at: datetime
    kind: str = ""
    target: str = ""
    body: str = ""
    notice_id: str = ""
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A callback that is due. `target` is its URL, or a notice's target's name.

    `suspect`: its last attempt ended with whoever made it. `waits_for` is the host for which it
    waited last.
    """

    id: str
    notice_id: str
    target: str
    suspect: bool
    waits_for: str


class Callbacks(Part):
    """The callbacks."""

    async def lease(self, callback_id: str, now: datetime) -> Callback | None:
        """Take a callback for one attempt, or `None` if it is not due or not ours to send.

        Raises NotDurable: what it tells may yet be lost by a fail-over; it is given back.
        """
        taker = (callback_id, now, self._store.lease)
        try:
            fields = text(await self._store.run("lease_callback", *taker, replicated=True))
        except NotDurable as error:
            if taken := text(cast("list[bytes]", error.answer)):
                await self._store.run("give_back_callback", callback_id, taken["fence"], now)
            raise
        return loaded(Callback, fields) if fields else None

    async def replay(
        self, callback_id: str, *, operator: str, token: str, url: str, now: datetime
    ) -> str:
        """Send a result again, to this URL: the new entry's id.

        The id may also be a deletion's or a sweep's: its newest result is meant. `token` names this
        replay: with the same one nothing happens twice. Raises NotFound, ReplayRefused.
        """
        answer, *rest = await self._store.run(
            "replay_callback", callback_id, now, operator, token, url
        )
        if answer == b"refused":
            raise ReplayRefused(rest[0].decode(), callback_id)
        new: str = rest[0].decode()
        return new

    async def deletion_of(self, callback_id: str) -> str | None:
        """The deletion whose result this is; `None` if it is none's."""
        (fields,) = await fields_of(self._store, [callback_id])
        return fields.get("deletion_id") or None

    async def record(
        self,
        held: Callback,
        *,
        state: str,
        ready_at: datetime,
        status: int | None,
        answer: str,
        line: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Write what an attempt came to. A lost lease writes nothing: the attempt is made again."""
        await self._store.run(
            "record_callback",
            held.id,
            held.fence,
            now,
            state,
            ready_at,
            status,
            answer,
            written(line, now),
        )

    async def due(self, now: datetime, *, limit: int = 200) -> list[Waiting]:
        """The callbacks that have been due for longest. Nothing is taken by looking."""
        redis, key = self._store.redis, self._store.key
        found = await redis.zrangebyscore(
            key("callbacks", "due"), "-inf", to_ms(now), start=0, num=limit
        )
        names = [name.decode() for name in cast("list[bytes]", found)]
        async with redis.pipeline(transaction=False) as reads:
            for name in names:
                reads.hmget(key("callback", name), "notice_id", "target", "deletion_id", "deaths",
                            "lease_until", "waits_for")  # fmt: skip
            records = [[each.decode() if each else "" for each in row]
                       for row in await reads.execute()]  # fmt: skip
            for _, target, deletion_id, *_ in records:
                if not target:
                    reads.hget(key("deletion", deletion_id), "callback_url")
            urls = iter(await reads.execute())
        return [
            Waiting(
                id=name,
                notice_id=notice_id,
                target=target or (next(urls) or b"").decode(),
                # A lease that ended by itself is a death which has not been counted yet.
                suspect=deaths not in {"", "0"} or lease_until not in {"", "0"},
                waits_for=waits_for,
            )
            for name, (notice_id, target, _, deaths, lease_until, waits_for) in zip(
                names, records, strict=True
            )
        ]

    async def renew(self, held: Sequence[Callback], now: datetime) -> None:
        """Keep the leases of attempts that are still being made; a lost one stays lost."""
        if held:
            pairs = [part for each in held for part in (each.id, each.fence)]
            await self._store.run("renew_callbacks", now, self._store.lease, *pairs)

    async def give_back(self, held: Callback, now: datetime) -> None:
        """The attempt was broken off, and is not counted."""
        await self._store.run("give_back_callback", held.id, held.fence, now)

    async def put_off(
        self, waiting: Waiting, until: datetime, host: str, line: Mapping[str, Any], now: datetime
    ) -> None:
        """Let it wait for a host that does not answer; what waited too long is given up."""
        waits = (until, host, written(line, now), _LONGEST_WAIT)
        await self._store.run("put_off_callback", waiting.id, now, *waits)

    async def look_later(self, names: Mapping[str, datetime]) -> None:
        """Nobody need look at these before; that they are due is not changed by it."""
        if names:
            scores = {name: to_ms(until) for name, until in names.items()}
            await self._store.redis.zadd(
                self._store.key("callbacks", "due"), scores, xx=True, gt=True
            )

    @property
    def lease_seconds(self) -> float:
        """How long an attempt keeps its callback, unless it is renewed."""
        return self._store.lease.total_seconds()
