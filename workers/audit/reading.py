"""Looking into the audit log in Redis: what was decided about whom, and whether it is whole.

There is no index beside the log: a look goes back from the newest entry, in bounded steps, and a
cursor continues it. 200,000 entries are read in seconds, by a person who waits for them.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from workers.audit.chain import Head
from workers.audit.keys import Keyring
from workers.audit.verify import Fault, Report, Verifier
from workers.ledger.auditing.audit_log import AuditLog, Line
from workers.times.clock import moment

# Small steps: whoever else is served by this process waits for one of them at most.
_CHUNK: Final = 100
_MOST_LOOKED_AT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: of [since, until), about this organization or deletion, by this operator."""

    org_id: str | None = None
    deletion_id: str | None = None
    operator: str | None = None
    what: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Entries, newest first; `next_before` continues with older ones, `None` if there are none."""

    entries: tuple[dict[str, Any], ...]
    next_before: int | None


@dataclass
class _Matcher:
    """Knows the deletions of an organization once it saw one of their entries.

    Events and requests come before it is known which organization is meant, and the look goes
    back in time.
    """

    wanted: Filter
    _deletions: set[str] = field(default_factory=set)

    def fits(self, entry: dict[str, Any]) -> bool:
        wanted, at = self.wanted, moment(entry.get("at"))
        if wanted.org_id is not None and not self._of_organization(entry, wanted.org_id):
            return False
        if (wanted.since or wanted.until) and at is None:
            return False
        return (
            wanted.deletion_id in (None, entry.get("deletion_id"))
            and wanted.operator in (None, entry.get("operator"))
            and wanted.what in (None, entry.get("what"))
            and (wanted.since is None or (at is not None and at >= wanted.since))
            and (wanted.until is None or (at is not None and at < wanted.until))
        )

    def _of_organization(self, entry: dict[str, Any], org_id: str) -> bool:
        deletion_id = str(entry.get("deletion_id"))
        if org_id == entry.get("org_id") or org_id in (entry.get("org_ids") or ()):
            if "deletion_id" in entry:
                self._deletions.add(deletion_id)
            return True
        return deletion_id in self._deletions


async def search(log: AuditLog, wanted: Filter, *, before: int | None, limit: int) -> Found:
    """The newest entries that fit, from before this seq if one is given."""
    matcher, found = _Matcher(wanted), list[dict[str, Any]]()
    for _ in range(_MOST_LOOKED_AT // _CHUNK):
        lines = await log.lines_before(before, _CHUNK)
        for line in lines:
            before = line.seq
            entry = _entry(line)
            if _long_before(entry, wanted.since):
                return Found(tuple(found), None)
            if matcher.fits(entry):
                found.append(entry)
                if len(found) == limit:
                    return Found(tuple(found), before)
        if len(lines) < _CHUNK:
            return Found(tuple(found), None)
    return Found(tuple(found), before)


def _long_before(entry: dict[str, Any], since: datetime | None) -> bool:
    """Entries stand in the order in which they were chained, which is nearly that of time."""
    at = moment(entry.get("at"))
    return since is not None and at is not None and at < since - timedelta(hours=1)


def _entry(line: Line) -> dict[str, Any]:
    """The entry of a line; one that somebody overwrote is shown as that."""
    try:
        entry = json.loads(line.text)
    except (ValueError, RecursionError):
        entry = None
    return entry if isinstance(entry, dict) else {"seq": line.seq, "what": "unreadable"}


async def verify_log(log: AuditLog, keys: Keyring, expected: Head | None) -> Report:
    """Whether the chain in Redis is whole, from the oldest entry that is kept.

    Without a head from elsewhere it must at least reach the one that was noted beside it.
    """
    while True:
        floor = (await log.state()).floor
        report = await _verified(log, keys, expected)
        after = (await log.state()).floor
        fault = report.fault
        if fault is None or fault.seq is None or after == floor or fault.seq > after:
            break
        # What was missing there left meanwhile, as the oldest entries do.
    floor = after
    if floor == 1:
        return report
    note = f"entries before {floor} are no longer kept in Redis; verify the file for them"
    return Report(report.entries, report.first, report.head, report.fault, (*report.notes, note))


async def _verified(log: AuditLog, keys: Keyring, expected: Head | None) -> Report:
    noted = (await log.state()).head
    vouched = expected is not None
    verifier = Verifier(keys, anywhere=True, expected=expected or noted, vouched=vouched)
    seq = 0
    while lines := await log.lines(seq, _CHUNK):
        if not all(verifier.take(line.text) for line in lines):
            break
        seq = lines[-1].seq + 1
    floor = (await log.state()).floor
    if verifier.fault is None and verifier.first is not None and verifier.first > floor:
        missing = f"the entries from {floor} to {verifier.first - 1} are missing"
        verifier.fault = Fault(missing, seq=floor)
    return verifier.report()
