"""Deletions: created, taken, moved on and ended, each change by one script."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from adapters.errors import Conflict, NotFound, UnglueError
from adapters.models import DeletionRequest
from workers.ledger.deleting.leases import take
from workers.ledger.deleting.refusals import KeyReused, ReplayRefused
from workers.ledger.installation.condition import NotDurable
from workers.ledger.packing import FIELD, open_record
from workers.ledger.records import Deletion, ErrorEntry, encode_errors, written
from workers.ledger.store import Part, numbered, text
from workers.pipeline.identity.identities import forms_of
from workers.pipeline.limits import Limit
from workers.settings.policy import Mode
from workers.times.clock import to_ms
from workers.traces.tracing import traced


class Fenced(UnglueError):
    """Somebody else took the deletion over, or ended it: nothing may be written any more."""

    code = "Fenced"
    http_status = 409


@dataclass(frozen=True, slots=True)
class Change:
    """What a step did, and what comes next.

    With `state` running the lease is kept and the step named in `fields` follows at once; any
    other state ends the lease. `ready_at` is when a waiting state is due.
    """

    state: str
    ready_at: datetime | None = None
    fields: Mapping[str, str | int] = field(default_factory=dict)
    journal: tuple[Mapping[str, Any], ...] = ()
    errors: tuple[ErrorEntry, ...] = ()

    def with_fields(self, **fields: str | int) -> "Change":
        """The same change, writing these fields too."""
        return replace(self, fields={**self.fields, **fields})


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer of `begin_delete`: `begun` with the intent's number, or why not.

    `holder` is the deletion that has the organization (`claimed`), the limit's name (`limit`), or
    the digest of the configuration in force (`configuration_differs`).
    `not_durable`: the intent was written and may be lost, so there is no call.
    """

    decision: Literal[
        "begun", "fenced", "paused", "reactivated", "accepted_before", "in_flight", "plan_moved",
        "moved_on", "claimed", "limit", "unproved_events", "unspooled", "protected", "unapproved",
        "too_early", "not_durable", "configuration_differs", "other_account", "not_understood",
        "ledger_changed", "clock_off", "before_acceptance", "server_restarted", "no_service",
    ]  # fmt: skip
    number: int = 0
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the settings ask for besides: an approval, and so much time since the grace began.

    `asked` is what the server's clock said before it was `now`, in milliseconds: by that the
    server sees how long the question was on its way. `configuration` is the digest of the settings
    by which it is judged. `answered` is how long the call may be under way once it was sent.
    """

    approval: bool = False
    grace: timedelta = timedelta()
    asked: int | None = None
    configuration: str = ""
    answered: timedelta = timedelta()


_NONE = Conditions()


@dataclass(frozen=True, slots=True)
class Anew:
    """What a replay asks for: the policy's `mode` of now, `None` for that of before.

    `asked_as` is by what the operator is told from others, `shown` the generation of which the
    operator saw the end, "" for any.
    """

    mode: Mode | None = None
    asked_as: str = ""
    shown: str = ""


_AS_BEFORE: Final = Anew()
# How many may enter the lines of their sources at once: what is more does with the next look.
_ENTER_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class HandedOut:
    """Deletions with the numbers of their jobs; `more` wait for their turn."""

    jobs: Sequence[tuple[str, int]]
    more: bool


class Deletions(Part):
    """The deletions."""

    @traced("ledger create")
    async def create(
        self,
        *,
        deletion_id: str,
        request: DeletionRequest,
        operator: str,
        callback_url: str,
        idempotency_key: str | None,
        now: datetime,
        mode: Mode | None = None,
        asked_as: str = "",
    ) -> tuple[str, int | None]:
        """A deletion asked for by an operator: its id, and its job's number if it is new.

        There is no number either where it waits for its turn, which the scheduler gives it.

        `mode` is the policy's as it was asked for: nothing harder will be done; `asked_as` is by
        what the operator is told from others. Who says the organization's name overrules the noes
        that others said before. Raises KeyReused: the idempotency key was used for another request.
        """
        content = request.model_dump_json(exclude_none=True)
        fields = {
            "source": "api",
            "actor": operator,
            "request": content,
            "callback_url": callback_url,
            "asked_mode": mode or "",
            "asked_as": asked_as,
            "forms": json.dumps(forms_of(request)),
            "overrules_at": to_ms(now) if request.org_name is not None else "",
        }
        answer, *known = await self._store.run(
            "create",
            deletion_id,
            now,
            now + self._store.requeue_after,
            self._store.retention,
            f"{operator}:{idempotency_key}" if idempotency_key else "",
            hashlib.sha256(content.encode()).hexdigest(),
            json.dumps(fields),
            durable=self._store.fsync,
            replicated=True,
        )
        if answer == b"mismatch":
            raise KeyReused
        if answer != b"created":
            return known[0].decode(), None
        await self._store.carry_trace(known[0].decode())
        return known[0].decode(), int(known[1]) or None

    async def lease(self, deletion_id: str, now: datetime) -> Deletion | None:
        """Take the deletion, or `None` if it is somebody else's, not due, ended or unknown."""
        fields = await take(self._store, "deletion", deletion_id, now)
        return Deletion.load(fields) if fields else None

    @traced("ledger record")
    async def record(self, held: Deletion, change: Change, now: datetime) -> Deletion:
        """Write what a step did. Raises Fenced."""
        fields = dict(change.fields)
        answer = await self._store.run(
            "record",
            held.id,
            held.fence,
            now,
            change.state,
            change.ready_at or now,
            self._store.lease,
            encode_errors(change.errors),
            self._store.own_clock,
            len(fields),
            *(part for pair in fields.items() for part in pair),
            *(written(line, now) for line in change.journal),
        )
        if answer[0] != b"recorded":
            raise Fenced(f"deletion {held.id} was taken over or ended while this worker was away")
        return Deletion.load(text(answer[1]))

    async def begin_delete(
        self, held: Deletion, *, org_id: str, digest: str, resend_after: timedelta,
        limits: Sequence[Limit], now: datetime, kind: Literal["delete", "soft_delete"] = "delete",
        conditions: Conditions = _NONE,
    ) -> Begun:  # fmt: skip
        """Ask for permission to call, and write the numbered intent if it is given."""
        server_ms = conditions.asked or await self._store.server_ms()
        lease = self._store.lease
        if kind == "soft_delete":
            # Made again without `resend_after`, so nobody takes it while the call may be under way.
            lease += conditions.answered
        asked = [
            held.id,
            held.fence,
            now,
            lease,
            org_id,
            digest,
            resend_after,
            json.dumps([limit.plain() for limit in limits]),
            kind,
            conditions.approval,
            conditions.grace,
            server_ms,
            self._store.memory.id,
            self._store.memory.mark,
            self._store.own_clock,
            conditions.configuration,
            self._store.memory.tip,
        ]
        confirmed = True
        try:
            answer = await self._store.run("begin_delete", *asked, durable=True)
        except NotDurable as error:
            answer, confirmed = cast("list[bytes]", error.answer), False
        decision = answer[0].decode()
        if decision == "begun":
            return Begun(decision if confirmed else "not_durable", number=int(answer[1]))
        return Begun(decision, holder=answer[1].decode() if len(answer) > 1 else "")

    async def cancel(
        self, deletion_id: str, *, operator: str, error: ErrorEntry, now: datetime
    ) -> None:
        """End a deletion before anything was sent; said again, it is the same cancellation.

        Raises:
            NotFound: there is no such deletion.
            Conflict: it ended, or the call went out.
            NotDurable: it is cancelled, and that may yet be lost with the server.
        """
        errors = encode_errors((error,))
        answer = await self._store.run("cancel", deletion_id, now, operator, errors, durable=True)
        if answer == b"terminal":
            raise Conflict(f"deletion {deletion_id} has ended; there is nothing left to cancel")
        if answer == b"sent":
            raise Conflict(
                f"the DELETE of deletion {deletion_id} was sent; it can no longer be cancelled"
            )

    async def trace(self, deletion_id: str) -> str:
        """The `traceparent` that this deletion carries, "" if none does."""
        return await self._store.value("trace", "deletion", deletion_id) or ""

    @traced("ledger replay")
    async def replay(
        self, deletion_id: str, *, operator: str, token: str, callback_url: str, now: datetime,
        overrule: bool | int, asked: Anew = _AS_BEFORE,
    ) -> int | None:  # fmt: skip
        """Begin a deletion that ended anew: its job's number, or `None` if it has none yet.

        It has none where this was done before, and where the deletion waits for its turn.

        `token` names this replay: with the same one nothing happens twice. `overrule`: also if a
        person cancelled the client's deletion; a number: within the ledger's first so many
        decisions, as the operator knows no later ones. Raises NotFound, ReplayRefused.
        """
        answer, rest = b"packed", list[bytes]()
        while answer == b"packed":
            await self._unpack(deletion_id)
            answer, *rest = await self._store.run(
                "replay",
                deletion_id,
                now,
                now + self._store.requeue_after,
                operator,
                token,
                callback_url,
                "all" if overrule is True else overrule,
                asked.mode,
                asked.asked_as,
                asked.shown,
                durable=self._store.fsync,
                replicated=True,
            )
        if answer == b"refused":
            raise ReplayRefused(rest[0].decode(), deletion_id, rest[1].decode())
        if answer != b"replayed":
            return None
        await self._store.carry_trace(deletion_id)
        return int(rest[1]) or None

    async def _unpack(self, deletion_id: str) -> None:
        """What ended becomes again what scripts can read."""
        name = self._store.key("deletion", deletion_id)
        raw = cast("dict[bytes, bytes]", await self._store.redis.hgetall(name))
        fields, lines, _ = open_record(raw)
        if fields:
            pairs = [part for pair in fields.items() for part in pair]
            first = raw[f"{FIELD}0".encode()]
            await self._store.run("unpack", deletion_id, first, len(fields), *pairs, *lines)

    async def generation(self, deletion_id: str, number: int) -> Deletion:
        """The deletion as it was at the end of this generation, or is now. Raises NotFound."""
        newest = await self.get(deletion_id)
        if newest.generation == number:
            return newest
        fields = await self._store.hash("history", deletion_id, str(number))
        if not fields:
            raise NotFound(f"deletion {deletion_id} has no generation {number}")
        return Deletion.load(fields)

    async def hand_out(self, now: datetime) -> HandedOut:
        """The deletions whose turn it is, for as many as the queue has room for."""
        again = now + self._store.requeue_after
        more, *flat = await self._store.run("hand_out", now, again, _ENTER_AT_ONCE)
        return HandedOut(numbered(flat), more=more == b"1")

    async def take_aftercare(self, now: datetime) -> list[tuple[str, int]]:
        """Deletions to look back at, each with the number of its job."""
        return await self._store.due("aftercare:due", "deletion", now)

    async def looked_back(
        self, deletion_id: str, line: Mapping[str, Any], now: datetime,
        *, recreated: Sequence[str] = (), shown_again: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Write what was seen, have people told of what is there (again), and look no more.

        `recreated` are other organizations, `shown_again` is the one that was deleted.
        """
        found = json.dumps({"recreated": list(recreated), "shown_again": list(shown_again)})
        await self._store.run("looked_back", deletion_id, now, written(line, now), found)

    async def look_later(
        self, deletion_id: str, line: Mapping[str, Any], until: datetime, now: datetime
    ) -> None:
        """Write what was seen, and look again then."""
        await self._store.run("look_later", deletion_id, until, written(line, now))

    async def proved_later(self, deletion_id: str, line: Mapping[str, Any], now: datetime) -> None:
        """It ended unverified and is gone after all: deleted, and a corrected result goes out."""
        seen = written(line, now)
        await self._store.run("proved_later", deletion_id, now, seen, durable=True)

    async def get(self, deletion_id: str) -> Deletion:
        """One deletion. Raises NotFound: there is none of this id."""
        return Deletion.load(await self._store.found("deletion", deletion_id))
