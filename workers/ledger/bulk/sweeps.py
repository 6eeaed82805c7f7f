"""Sweeps: begun once for each time of a schedule, taken, moved on and ended by one script each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from adapters.models import DeletionRequest
from workers.ledger.deleting.deletions import Fenced
from workers.ledger.deleting.leases import ListedWork
from workers.ledger.records import loaded
from workers.ledger.store import text
from workers.pipeline.identity.identities import forms_of
from workers.settings.policy import Mode
from workers.times.clock import to_ms

# A time that was missed because no scheduler ran is made up for, if it is not older.
MADE_UP_FOR = timedelta(hours=24)
_ROWS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Row:
    """What a sweep knows of one organization.

    `why` is empty while it meets everything; `skipped` tells a candidate that was passed over from
    one that never was any. `checked`: looked at by itself, not only in a list.
    """

    org_id: str
    name: str
    status: str | None
    why: tuple[str, ...] = ()
    skipped: bool = False
    checked: bool = False
    deletion_id: str | None = None
    watch: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def met(self) -> bool:
        """Whether it is (still) a candidate."""
        return not self.why


_ROW: Final = TypeAdapter(Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One sweep. `tick` is the time that began it, `by` the person; one of them is there.

    States: looking (through all organizations), checking (each candidate by itself), requesting,
    and at the end finished, held (too many candidates) or failed. `preview`: nothing is requested.
    `only`: no other organizations are candidates; empty means all. `configuration` is the digest of
    the one that was in force when it began, or with its first slice, "" before.
    """

    id: str
    schedule: str
    state: str
    preview: bool = False
    tick: datetime | None
    by: str = ""
    created_at: datetime
    finished_at: datetime | None
    fence: int
    page: int
    size: int
    total: int | None
    attempts: int
    summary: Mapping[str, Any] | None
    deaths: int = 0
    only: frozenset[str] = frozenset()
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """How a sweep ends: what is audited, who is told, and the callback's `target` and `body`."""

    audit: Mapping[str, Any]
    notice: Mapping[str, Any] | None = None
    target: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step of a sweep did. `until`: it waits until then. `end`: it is over."""

    fields: Mapping[str, str | int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    until: datetime | None = None
    end: End | None = None


class Sweeps(ListedWork[Sweep]):
    """The sweeps."""

    kind = "sweep"
    form = Sweep

    async def begin_due(self, schedule: str, times: str, tick: datetime, now: datetime) -> bool:
        """Begin the sweep of a schedule's time, if nobody has and it is not too long ago.

        `times` is what the schedule's times follow from: a schedule that is new or was moved
        begins with its next time.
        """
        seed = f"{schedule}\n{to_ms(tick)}"
        sweep_id = "swp_" + hashlib.sha256(seed.encode()).hexdigest()[:20]
        digest = hashlib.sha256(times.encode()).hexdigest()[:16]
        return await self._open(sweep_id, schedule, tick, digest, {}, now)

    async def begin(
        self, sweep_id: str, schedule: str, *, by: str, preview: bool, now: datetime,
        only: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Begin a sweep that a person asked for: of all organizations, or of these."""
        fields = {"by": by, "preview": "1" if preview else ""}
        if only:
            fields["only"] = json.dumps(list(only))
        await self._open(sweep_id, schedule, None, "", fields, now)

    async def _open(
        self, sweep_id: str, schedule: str, tick: datetime | None, digest: str,
        fields: Mapping[str, str], now: datetime,
    ) -> bool:  # fmt: skip
        answer = await self._store.run(
            "open_sweep",
            sweep_id,
            now,
            schedule,
            tick,
            digest,
            now - MADE_UP_FOR,
            2 * MADE_UP_FOR,
            self._store.retention,
            json.dumps(fields),
        )
        return bool(answer)

    async def record(self, held: Sweep, progress: Progress, now: datetime) -> Sweep:
        """Write what a step did. Raises Fenced: the lease is no longer ours."""
        rows = {row.org_id: json.dumps(asdict(row)) for row in progress.rows}
        recorded = await self._store.run(
            "record_sweep",
            held.id,
            held.fence,
            now,
            json.dumps(progress.fields),
            json.dumps(rows),
            0 if progress.until else self._store.lease,
            progress.until or now,
            json.dumps(asdict(progress.end)) if progress.end else "",
            _ROWS_KEPT,
            self._store.retention,
            self._store.own_clock,
        )
        if not recorded:
            raise Fenced(f"sweep {held.id} was taken over while this worker was away")
        return loaded(Sweep, text(recorded))

    async def request(
        self, held: Sweep, row: Row, deletion_id: str, request: DeletionRequest,
        callback_url: str, now: datetime, mode: Mode, asked_as: str = "",
    ) -> tuple[str, int | None]:  # fmt: skip
        """Ask for one deletion, once per sweep and organization: its id, its job if it is new."""
        source = f"schedule:{held.schedule}"
        content = request.model_dump_json(exclude_none=True)
        fields = {
            "source": source,
            "actor": held.by or source,
            "request": content,
            "callback_url": callback_url,
            "watch": json.dumps(row.watch),
            "asked_mode": mode,
            "asked_as": asked_as,
            "forms": json.dumps(forms_of(DeletionRequest(org_id=row.org_id))),
        }
        answer, *known = await self._store.run(
            "create",
            deletion_id,
            now,
            now + self._store.requeue_after,
            self._store.retention,
            # No operator's name begins with a colon.
            f":sweep:{held.id}:{row.org_id}",
            hashlib.sha256(content.encode()).hexdigest(),
            json.dumps(fields),
        )
        return known[0].decode(), (int(known[1]) or None) if answer == b"created" else None

    async def rows(self, sweep_id: str) -> dict[str, Row]:
        """What the sweep knows of each organization; kept for 30 days after its end."""
        found = await self._store.hash("sweep", sweep_id, "rows")
        return {org_id: _ROW.validate_json(line) for org_id, line in found.items()}

    async def claimed_by(self, org_id: str) -> str | None:
        """The deletion that acts on this organization, or whose call may still work."""
        return await self._store.value(org_id, "claims") or None
