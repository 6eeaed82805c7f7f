"""Catching up with a source: how far it is, and what the newest run came to.

One record a source, with its `point`: everything that its PSA changed before is known. It moves
only at the end of a run that took everything in.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from workers.ledger.deleting.deletions import Fenced
from workers.ledger.deleting.leases import Work
from workers.ledger.records import loaded
from workers.ledger.store import text

_ID: Final = "cup_"


def id_of(source: str) -> str:
    """The record's id, as it goes through the queue."""
    return _ID + source


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """One source's. While a run is under way it reads on `after` a company's id.

    `newest` is the newest change that the run saw, `unread` what it could not read. `fault` is why
    the point stands still and `since` when that was first so; both are empty while it moves.
    `inactive` and `active` are what this run found that no event had said.
    """

    id: str
    source: str
    point: datetime
    began_at: datetime
    finished_at: datetime | None
    after: str
    newest: datetime | None
    unread: str = ""
    fault: str = ""
    code: str = ""
    since: datetime | None
    inactive: int
    active: int
    fence: int
    attempts: int
    deaths: int = 0
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told with a slice, once within `lasts` milliseconds."""

    kind: str
    detail: Mapping[str, Any]
    once: str
    lasts: int


@dataclass(frozen=True, slots=True)
class Client:
    """A client as its PSA's list last showed it; `missed`: it is told that it is there no more."""

    active: bool
    name: str
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What a PSA's whole list last said, where it does not say what changed.

    `tenant` is a digest of whose list it is, `mark` the newest entry read of the PSA's own log.
    """

    tenant: str
    clients: Mapping[str, Client]
    mark: int = 0

    def packed(self) -> bytes:
        """As the ledger keeps it."""
        rows = {
            number: [int(each.active), each.name, *([1] if each.missed else ())]
            for number, each in self.clients.items()
        }
        return zlib.compress(json.dumps([self.tenant, self.mark, rows]).encode())

    @classmethod
    def unpacked(cls, content: bytes) -> "Known":
        """From what the ledger kept."""
        tenant, mark, rows = json.loads(zlib.decompress(content))
        clients = {
            number: Client(bool(active), name, bool(missed))
            for number, (active, name, *missed) in rows.items()
        }
        return cls(tenant, clients, mark)


@dataclass(frozen=True, slots=True)
class Slice:
    """What a slice came to. `until`: it goes on then; `over`: the run is.

    `known` is what its PSA's list says from now on, where it has to be compared.
    """

    fields: Mapping[str, str | int] = field(default_factory=dict)
    until: datetime | None = None
    over: bool = False
    notices: Sequence[Notice] = ()
    known: Known | None = None


class CatchUps(Work[CatchUp]):
    """The records."""

    kind = "catch_up"
    form = CatchUp

    async def begin(self, source: str, tick: datetime | None, now: datetime) -> bool:
        """Begin a run for this time, once, or now; true if one begins or is brought forward."""
        return bool(await self._store.run("begin_catch_up", id_of(source), now, source, tick or 0))

    async def record(self, held: CatchUp, slice_: Slice, now: datetime) -> CatchUp:
        """Write what a slice came to. Raises Fenced: the lease is no longer ours."""
        leaves = slice_.over or slice_.until is not None
        flat = await self._store.run(
            "record_catch_up",
            held.id,
            held.fence,
            now,
            json.dumps(slice_.fields),
            0 if leaves else self._store.lease,
            0 if slice_.over else slice_.until or now,
            json.dumps([asdict(each) for each in slice_.notices]),
            self._store.own_clock,
            slice_.known.packed() if slice_.known else "",
        )
        if not flat:
            raise Fenced(
                f"catching up with {held.source} was taken over while this worker was away"
            )
        return loaded(CatchUp, text(flat))

    async def known(self, source: str) -> Known | None:
        """What this source's PSA last listed; `None` before it was read for the first time."""
        name = self._store.key("catch_ups", "known", source)
        content = cast("bytes | None", await self._store.redis.get(name))
        return Known.unpacked(content) if content else None

    async def get(self, source: str) -> CatchUp | None:
        """How far it is with this source; `None` if nobody has begun."""
        fields = await self._store.hash("catch_up", id_of(source))
        return loaded(CatchUp, fields) if fields else None

    async def found(self, source: str) -> dict[str, int]:
        """How many changes were ever found that no event had said: `inactive` and `active`."""
        counts = await self._store.hash("counts", "caught_up", source)
        return {state: int(counts.get(state, 0)) for state in ("inactive", "active")}
