"""Organizations that stay, whatever the configuration says now.

An id once protected (by a person, by a tag, by the file) is so until an admin removes it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.errors import NotFound
from workers.ledger.store import Part
from workers.times.clock import from_ms, rfc3339


@dataclass(frozen=True, slots=True)
class Protection:
    """Who protects an organization, since when, why and by what means.

    `by` is the operator, or "" where no person of ours said it. `how` is "api", "tag #keep" or
    "policy.protected_ids".
    """

    org_id: str
    by: str
    at: datetime
    reason: str
    how: str

    @property
    def words(self) -> str:
        """What an operator reads."""
        who = f"operator {self.by}" if self.by else self.how
        why = f": {self.reason}" if self.reason else ""
        return f"{who} at {rfc3339(self.at)}{why}"


def _loaded(org_id: str, line: bytes | str) -> Protection:
    fields: dict[str, Any] = json.loads(line)
    return Protection(org_id, fields["by"], from_ms(fields["at"]), fields["reason"], fields["how"])


class Protections(Part):
    """The protections."""

    async def protect(
        self, org_id: str, now: datetime, *, how: str, by: str = "", reason: str = ""
    ) -> Protection:
        """Protect an organization: the protection that holds, which may be an older one."""
        # A tag or a file says it again with the next plan; a person says it once.
        durable = by != ""
        line = await self._store.run("protect", org_id, now, by, reason, how, durable=durable)
        return _loaded(org_id, line)

    async def unprotect(
        self, org_id: str, now: datetime, *, operator: str, reason: str
    ) -> Protection:
        """End a protection, and a person's no to the organization: what it was. Raises NotFound."""
        line = await self._store.run("unprotect", org_id, now, operator, reason)
        if not line:
            raise NotFound(
                f"organization {org_id} is not protected, and no person stopped its deletion"
            )
        return _loaded(org_id, line)

    async def get(self, org_id: str) -> Protection | None:
        """What protects this organization."""
        line = await self._store.value(org_id, "protected")
        return _loaded(org_id, line) if line is not None else None

    async def all(self) -> list[Protection]:
        """Every protection, newest first."""
        lines = await self._store.hash("protected")
        found = [_loaded(org_id, line) for org_id, line in lines.items()]
        return sorted(found, key=lambda each: (each.at, each.org_id), reverse=True)
