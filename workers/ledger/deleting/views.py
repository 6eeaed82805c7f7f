"""What is shown of a deletion: its record, its journal and its results, as of one moment."""

from dataclasses import dataclass
from typing import Any

from workers.ledger.records import Deletion, read_lines
from workers.ledger.sending.results import Result
from workers.ledger.store import Part, record_of, text


@dataclass(frozen=True, slots=True)
class View:
    """A deletion, its journal (in RFC 3339), generations and results, all oldest first."""

    deletion: Deletion
    journal: tuple[dict[str, Any], ...]
    earlier: tuple[Deletion, ...]
    callbacks: tuple[Result, ...]


class Views(Part):
    """Reads what belongs together together: read one after the other, the parts may contradict."""

    async def of(self, deletion_id: str) -> View:
        """One deletion. Raises NotFound: there is none of this id."""
        deletion, journal, earlier, callbacks = await self._store.run("view", deletion_id)
        fields, kept = record_of(dict(zip(deletion[::2], deletion[1::2], strict=True)))
        return View(
            deletion=Deletion.load(fields),
            journal=tuple(read_lines((*kept, *journal))),
            earlier=tuple(Deletion.load(text(each)) for each in earlier if each),
            callbacks=tuple(Result.load(text(each)) for each in callbacks if each),
        )
