"""What sources said of their clients, and persons of organizations, read at one moment."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from workers.ledger.store import Part
from workers.times.clock import from_ms, ms_or_none, rfc3339

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Register:
    """What one source says of one client.

    `state` is "" if it never said anything, else active, inactive, contested (it said both, of one
    moment), deleted, or cancelled or cancelled_contested (a person stopped the client's deletion).
    `epoch` counts how often it became active, `order` the ledger's active events up to its newest
    one; `active_seen` is when that came. `contested_by` is the newest delivery that made it so.
    """

    source: str
    client: str
    state: str = ""
    epoch: str = "0"
    order: int = 0
    active_seen: datetime | None = None
    active_by: str = ""
    name: str = ""
    contested_by: str = ""
    inactive_by: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the source's newest word is, or may be, that the client is active."""
        return self.state == "active" or self._contested

    @property
    def _contested(self) -> bool:
        return self.state in {"contested", "cancelled_contested"}

    @property
    def words(self) -> str:
        """What an operator reads."""
        at = f" at {rfc3339(self.active_seen)}" if self.active_seen else ""
        if self._contested:
            both = "that it is active and that it is inactive"
            return f"source {self.source} said of client {self.client!r}, of one moment, {both}"
        return f"source {self.source} said{at} that client {self.client!r} is active"

    def watched(self) -> tuple[str, str, str, str]:
        """What must be so still when the call is granted."""
        return (self.source, self.client, self.epoch, self.said)

    @property
    def said(self) -> str:
        """The state, and which word it was that made it contested."""
        by = self.contested_by if self._contested else ""
        return f"{self.state}@{by}" if by else self.state


@dataclass(frozen=True, slots=True)
class Decline:
    """A person's no to the deletion of an organization.

    It stands until the client was active again (one of the registers that it watches moved on), an
    admin ends it, or somebody asks for the organization by name. It was the ledger's decision of
    this `number`, 0 where an older release wrote it down.
    """

    form: str
    by: str
    at: datetime
    reason: str
    how: str
    deletion_id: str
    number: int = 0

    @property
    def words(self) -> str:
        """What an operator reads."""
        why = f": {self.reason}" if self.reason else ""
        return (
            f"operator {self.by} {self.how} deletion {self.deletion_id} at {rfc3339(self.at)}{why}"
        )

    @classmethod
    def load(cls, form: str, line: bytes | str) -> Self:
        """One line of the record."""
        fields: dict[str, Any] = json.loads(line)
        return cls(
            form=form,
            by=fields["by"],
            at=from_ms(fields["at"]),
            reason=fields.get("reason") or "",
            how=fields["how"],
            deletion_id=fields["deletion_id"],
            number=fields.get("number", 0),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How an organization stands with everybody who may know it, as of one moment.

    `noes` are those that stand under these `forms`, `said_noes` is all of them, and when Unglue
    deleted it, in one word: where that differs, one or the other happened since. `said_doubts` are
    the doubts as the ledger keeps them.
    """

    registers: tuple[Register, ...] = ()
    noes: tuple[Decline, ...] = ()
    forms: tuple[str, ...] = ()
    said_noes: str = ""
    doubts: tuple[str, ...] = ()
    said_doubts: str = "[]"

    def encoded_watch(self, strangers: Container[tuple[str, str]] = ()) -> str:
        """The registers as the ledger keeps them with a plan; of `strangers` none ends a no."""
        rows = [each.watched() for each in self.registers]
        return json.dumps([(*row, "stranger") if row[:2] in strangers else row for row in rows])


NOTHING_SAID: Final = Standing()


class Registers(Part):
    """The registers."""

    async def standing(
        self, clients: Sequence[tuple[str, str]], forms: Sequence[str], deletion_id: str = "",
        org_id: str = "",
    ) -> Standing:  # fmt: skip
        """What is known under these clients and forms of this organization, and of a deletion."""
        said, doubts, noes, rows = await self._store.run(
            "standing", deletion_id, json.dumps(clients), json.dumps(forms), org_id
        )
        lines = zip(noes[::2], noes[1::2], strict=True)
        return Standing(
            registers=tuple(
                _register(source, client, [(each or b"").decode() for each in row])
                for (source, client), row in zip(clients, rows, strict=True)
            ),
            noes=tuple(Decline.load(form.decode(), line) for form, line in lines),
            forms=tuple(forms),
            said_noes=bytes(said).decode(),
            doubts=tuple(json.loads(doubts)),
            said_doubts=bytes(doubts).decode(),
        )

    async def states(self, clients: Sequence[tuple[str, str]]) -> list[str]:
        """The state of each client's register, in order; "" where nothing was ever said."""
        found: list[str] = []
        for start in range(0, len(clients), _AT_ONCE):
            reads = self._store.redis.pipeline(transaction=False)
            for source, client in clients[start : start + _AT_ONCE]:
                reads.hget(self._store.key("register", source, client), "state")
            found += [(each or b"").decode() for each in await reads.execute()]
        return found

    async def declined(self) -> list[Decline]:
        """Every no that stands, newest first."""
        forms = list(await self._store.hash("declined"))
        standing = await self.standing((), forms)
        return sorted(standing.noes, key=lambda each: each.at, reverse=True)


def _register(source: str, client: str, row: Sequence[str]) -> Register:
    state, epoch, order, seen, active_by, name, contested_by, inactive_by = row
    return Register(
        source, client, state, epoch or "0", int(order or 0), ms_or_none(seen),
        active_by, name, contested_by, tuple(json.loads(inactive_by or "[]")),
    )  # fmt: skip
