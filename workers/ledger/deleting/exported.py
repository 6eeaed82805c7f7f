"""The export of an organization, as its deletion knows it, and whether it proves the plan."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from workers.itglue.export.archive import lacking
from workers.itglue.models import Inventory
from workers.pipeline.plan import Plan
from workers.times.clock import moment


class Exported(BaseModel, frozen=True):
    """The export of a deletion's organization; `file` once it lies on disk.

    `size` is in bytes, `sha256` in hex. `counts` and `updated_at` are what the plan saw before it
    was asked for, `kinds`, `others` and `hollow` what its members showed. `made` counts
    exports in a row, `earlier` is the one before. `unready_at` is when it was last seen unfinished.
    """

    id: str
    org_id: str
    asked_at: datetime
    file: str | None = None
    size: int | None = None
    sha256: str | None = None
    counts: Mapping[str, int | None] | None = None
    updated_at: str | None = None
    stored_at: datetime | None = None
    kinds: tuple[str, ...] = ()
    others: int = 0
    hollow: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    made: int = 1
    earlier: str = ""
    unready_at: datetime | None = None

    def unproved(self, plan: Plan, now: datetime, max_age: timedelta) -> str | None:
        """Why this does not hold what the plan says would be lost; `None` if it does.

        What moved is told by comparing what IT Glue says with what it said before the export was
        asked for, so no clocks are compared. Its age counts from when it was ready: a large
        account's takes hours to build.
        """
        organization = plan.organization
        if not self.on_disk(organization.id):
            return "its file is not there"
        if self.stored_at is None or self.counts is None or now - self.stored_at > max_age:
            return "it is too old"
        if self.updated_at != organization.updated_at:
            return "the organization was changed after it was asked for"
        grown = [
            kind
            for kind, count in plan.counts.items()
            if (count or 0) > (self.counts.get(kind) or 0)
        ]
        if grown:
            return f"there is more now than when it was asked for: {', '.join(grown)}"
        missing = lacking(self.kinds, self.others, plan.counts, self.hollow)
        return f"it holds nothing of: {', '.join(missing)}" if missing else None

    def stale(self, created_at: str | None, max_age: timedelta) -> str | None:
        """Why a finished one is not that which was asked for, but one of before; `None` if it is.

        IT Glue may hand out one that it has. By its own clock that is older than the newest change;
        by ours, which may differ, it is older than one may be.
        """
        made_at = moment(created_at)
        if self.id == self.earlier:
            return "it is the same one again"
        if made_at is None:
            return "IT Glue does not say when it was made"
        changed_at = moment(self.updated_at)
        if made_at < self.asked_at - max_age or (changed_at and made_at < changed_at):
            return f"it was made at {created_at}, before it was asked for"
        return None

    def contradicted(self, org_id: str, inventory: Inventory) -> Inventory:
        """The counts, without those of none where this holds something: the key may not see it."""
        seen = [
            kind
            for kind in self.kinds
            if self.org_id == org_id
            and inventory.counts.get(kind) == 0
            and not (self.counts or {}).get(kind)
        ]
        warnings = [
            f"{kind} could not be counted: IT Glue lists none, and the export holds some"
            for kind in seen
        ]
        counts = {**inventory.counts, **dict.fromkeys(seen)}
        return replace(inventory, counts=counts, warnings=(*inventory.warnings, *warnings))

    def on_disk(self, org_id: str) -> bool:
        """Whether the file of this organization is there, whole: somebody may have removed it."""
        if self.file is None or self.org_id != org_id:
            return False
        try:
            return Path(self.file).stat().st_size == self.size
        except OSError:
            return False
