"""What is shown of a deletion: its record, its journal and its results, as of one moment."""

import json
from dataclasses import dataclass
from typing import Any

from workers.ledger.records import Deletion
from workers.ledger.sending.results import Result
from workers.ledger.store import Store, record_of, text
from workers.times.clock import from_ms, rfc3339


@dataclass(frozen=True, slots=True)
class View:
    """A deletion, its journal (in RFC 3339), generations and results, all oldest first."""

    deletion: Deletion
    journal: tuple[dict[str, Any], ...]
    earlier: tuple[Deletion, ...]
    callbacks: tuple[Result, ...]


class Views:
    """Reads what belongs together together: read one after the other, the parts may contradict."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, deletion_id: str) -> View:
        """One deletion. Raises NotFound: there is none of this id."""
        deletion, journal, earlier, callbacks = await self._store.run("view", [deletion_id])
        fields, kept = record_of(dict(zip(deletion[::2], deletion[1::2], strict=True)))
        entries = [json.loads(line) for line in (*kept, *journal)]
        return View(
            deletion=Deletion.load(fields),
            journal=tuple({**entry, "at": rfc3339(from_ms(entry["at"]))} for entry in entries),
            earlier=tuple(Deletion.load(text(each)) for each in earlier if each),
            callbacks=tuple(Result.load(text(each)) for each in callbacks if each),
        )
