"""The state of the account: what exists now, and what is about to change.

Nothing here waits. `settle` is told the time and applies what has fallen due, so the state is the
same however often or seldom somebody looks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from service.sandbox.shapes import Export, Organization, Record, Recreation

LONG_ID_OFFSET = 4_489_000_000_000_000
"""What fault `wrong-typed-ids=long` adds to an organization's id."""

_FIRST_RECORD_ID = 1001
_FIRST_NEW_ORGANIZATION_ID = 9001
_FIRST_LOG_ID = 574989297464115201


def timestamp(moment: datetime) -> str:
    """IT Glue's form of a time: RFC 3339, UTC, milliseconds. The moment is in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass(slots=True, kw_only=True)
class World:
    """Everything in the account. Records are kept by kind and organization."""

    statuses: Mapping[int, str]
    types: Mapping[int, str]
    flexible_asset_types: Mapping[int, str]
    organizations: dict[int, Organization] = field(default_factory=dict)
    records: dict[str, dict[int, list[Record]]] = field(default_factory=dict)
    exports: dict[int, Export] = field(default_factory=dict)
    logs: list[Record] = field(default_factory=list)
    recreations: list[Recreation] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    record_ids: Iterator[int] = field(default_factory=lambda: count(_FIRST_RECORD_ID))
    export_ids: Iterator[int] = field(default_factory=lambda: count(1))
    _organization_ids: Iterator[int] = field(
        default_factory=lambda: count(_FIRST_NEW_ORGANIZATION_ID)
    )
    _log_ids: Iterator[int] = field(default_factory=lambda: count(_FIRST_LOG_ID))

    def organization(self, given: str | int) -> Organization | None:
        """The organization under an id as a caller writes it, long or short."""
        text = str(given)
        if not (text.isascii() and text.isdigit()) or len(text) > 19:
            return None
        number = int(text)
        return self.organizations.get(number) or self.organizations.get(number - LONG_ID_OFFSET)

    def add(self, kind: str, organization_id: int, attributes: dict[str, object]) -> Record:
        """A new record of an organization."""
        record = Record(kind, next(self.record_ids), organization_id, dict(attributes))
        self.records.setdefault(kind, {}).setdefault(organization_id, []).append(record)
        return record

    def owned(self, kind: str, organization_ids: Iterable[int] | None = None) -> list[Record]:
        """The records of a kind, of some organizations or of all."""
        by_organization = self.records.get(kind, {})
        chosen = by_organization if organization_ids is None else organization_ids
        return [record for each in chosen for record in by_organization.get(each, ())]

    def log(self, action: str, organization: Organization, now: datetime) -> None:
        """An entry of the activity log about an organization."""
        attributes = {
            "created-at": timestamp(now),
            "level": 2,
            "account-id": 1,
            "user-id": 1,
            "action": action,
            "resource-type": "Organization",
            "resource-name": organization.name,
            "ip-address": "192.0.2.10",
            "ip-city": None,
            "ip-region": None,
            "ip-country": None,
            "user-agent": None,
        }
        self.logs.append(Record("logs", next(self._log_ids), organization.id, attributes))

    def ancestors(self, organization: Organization) -> list[int]:
        """The ids above an organization, root first. A circle ends where it closes."""
        above: list[int] = []
        parent = organization.parent_id
        while parent is not None and parent not in above and parent != organization.id:
            above.append(parent)
            found = self.organizations.get(parent)
            parent = found.parent_id if found else None
        return above[::-1]

    def settle(self, clock: float, now: datetime) -> None:
        """Apply what has fallen due: removals first, then what the PSA sync brings back."""
        for organization in list(self.organizations.values()):
            if organization.removal_due is not None and organization.removal_due <= clock:
                self._remove(organization.id)
        due = [it for it in self.recreations if it.due <= clock]
        self.recreations = [it for it in self.recreations if it.due > clock]
        for recreation in due:
            new = replace(
                recreation.lost,
                id=next(self._organization_ids),
                parent_id=None,
                my_glue_account_id=None,
                alert=None,
                quick_notes=None,
                description=None,
                created_at=timestamp(now),
                updated_at=timestamp(now),
                removal_due=None,
            )
            self.organizations[new.id] = new

    def _remove(self, organization_id: int) -> None:
        if self.organizations.pop(organization_id, None) is None:
            return
        # Nobody documents what becomes of sub-organizations; the worst is that they go too.
        for below in [o.id for o in self.organizations.values() if o.parent_id == organization_id]:
            self._remove(below)
        self.clear(organization_id)
        self.exports = {
            key: it for key, it in self.exports.items() if it.organization_id != organization_id
        }
        self.removed.append(organization_id)

    def clear(self, organization_id: int) -> None:
        """Remove every record of an organization."""
        for by_organization in self.records.values():
            by_organization.pop(organization_id, None)

    def recreate(self, organization: Organization, now: datetime) -> None:
        """Put another organization in its place: same id and name, created now, and empty."""
        self.clear(organization.id)
        organization.created_at = organization.updated_at = timestamp(now)
        organization.removal_due = None
        self.recreations = [it for it in self.recreations if it.lost.id != organization.id]
