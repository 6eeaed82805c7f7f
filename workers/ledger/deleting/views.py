"""What is shown of a deletion: its record, its journal and its results, as of one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.errors import NotFound
from workers.ledger.records import Deletion
from workers.ledger.store import Store, record_of, text
from workers.times.clock import from_ms, rfc3339


@dataclass(frozen=True, slots=True)
class Sending:
    """How one result's way to its receiver stands; `status` is the newest answer's."""

    id: str
    generation: int
    state: str
    attempts: int
    status: int | None
    created_at: datetime
    replayed_by: str

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> "Sending":
        """The same from the callback's hash."""
        status = fields.get("last_status")
        return cls(
            id=fields["id"],
            generation=int(fields.get("generation") or 1),
            state=fields["state"],
            attempts=int(fields["attempts"]),
            status=int(status) if status else None,
            created_at=from_ms(fields["created_at"]),
            replayed_by=fields.get("replayed_by", ""),
        )


@dataclass(frozen=True, slots=True)
class View:
    """A deletion, its journal, its earlier generations as each ended, and its results.

    All oldest first; the journal's times are RFC 3339.
    """

    deletion: Deletion
    journal: tuple[dict[str, Any], ...]
    earlier: tuple[Deletion, ...]
    callbacks: tuple[Sending, ...]


class Views:
    """Reads what belongs together together: read one after the other, the parts may contradict."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, deletion_id: str) -> View:
        """One deletion.

        Raises:
            NotFound: there is none of this id.
        """
        deletion, journal, earlier, callbacks = await self._store.run("view", [deletion_id])
        if not deletion:
            raise NotFound(f"there is no deletion {deletion_id}")
        fields, kept = record_of(dict(zip(deletion[::2], deletion[1::2], strict=True)))
        entries = [json.loads(line) for line in (*kept, *journal)]
        return View(
            deletion=Deletion.load(fields),
            journal=tuple({**entry, "at": rfc3339(from_ms(entry["at"]))} for entry in entries),
            earlier=tuple(Deletion.load(text(each)) for each in earlier if each),
            callbacks=tuple(Sending.load(text(each)) for each in callbacks if each),
        )
