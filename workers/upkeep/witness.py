"""What is known of the ledger outside Redis: its id and how far it had come, in small files.

A Redis that was emptied, replaced or restored from a copy cannot tell that it was; these can.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from workers.settings import Settings

_NAME: Final = "ledger-witness.json"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Witness:
    """A ledger's id, the number of decisions that it is known to have made, and their tip."""

    ledger: str
    mark: int
    tip: str = ""


class WitnessUnreadable(OSError):
    """A witness file holds something else: what it knew is not known."""


def witness_places(settings: Settings) -> tuple[Path, ...]:
    """The files of this installation, none if it has no folder of its own."""
    folders = [settings.state_dir, settings.spool_dir]
    places = [Path(folder) / _NAME for folder in folders if folder]
    if settings.audit.file:
        places.append(Path(f"{settings.audit.file}.{_NAME}"))
    return tuple(dict.fromkeys(places))


def read_witness(path: Path) -> Witness | None:
    """What the file knows, `None` if there is none. Raises OSError, WitnessUnreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tip = str(content.get("tip", ""))
        return Witness(str(content["ledger"]), int(content["mark"]), tip)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError):
        raise WitnessUnreadable(
            f"{path} is not what Unglue wrote there; remove it if that is known to be right"
        ) from None


def write_witness(path: Path, witness: Witness) -> None:
    """Replace the file at once, whole at every moment and on disk then. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(witness), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Witnesses:
    """The files of one process: read by every part, written by the service and the scheduler."""

    def __init__(self, places: Sequence[Path], *, writes: bool) -> None:
        self._places = places
        self._writes = writes
        # Whether there is anything to be read, or to be written.
        self.any, self.kept = bool(places), bool(places) and writes
        self._failing: set[Path] = set()

    def known(self) -> list[Witness]:
        """What all of them know; of one ledger the highest. Raises WitnessUnreadable, OSError."""
        highest: dict[str, Witness] = {}
        for path in self._places:
            found = read_witness(path)
            if found is not None:
                other = highest.get(found.ledger, found)
                highest[found.ledger] = max(other, found, key=lambda each: each.mark)
        return list(highest.values())

    def keep(self, witness: Witness) -> None:
        """Write it wherever less is known. A disk that refuses is said once, and stops nothing."""
        if not self._writes:
            return
        for path in self._places:
            try:
                before = read_witness(path)
                if before and before.ledger == witness.ledger and before.mark >= witness.mark:
                    continue
                write_witness(path, witness)
                self._failing.discard(path)
            except OSError as error:
                if path not in self._failing:
                    log.error("witness_not_written", path=str(path), error=str(error))
                self._failing.add(path)
