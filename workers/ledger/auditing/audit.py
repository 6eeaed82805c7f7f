"""The audit stream: decisions, written by those who decide; one writer chains them later."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers.ledger.store import Part
from workers.times.clock import to_ms


class Audit(Part):
    """The way in for what no script of its own decides: what operators do, what is configured."""

    async def write(self, what: str, detail: Mapping[str, Any], now: datetime) -> None:
        """Write down one decision. Nothing in it is secret."""
        await self._store.run("audit", now, what, json.dumps(detail))

    async def write_seldom(self, what: str, detail: Mapping[str, Any], now: datetime) -> None:
        """The same for what strangers can cause: of a kind and why at most a hundred an hour."""
        await self._store.run("audit_seldom", now, what, json.dumps(detail))

    async def configuration(self, part: str) -> dict[str, Any]:
        """What this part was last started with, empty if it never was."""
        known = await self._store.value(part, "audit", "configuration")
        found: dict[str, Any] = json.loads(known or "{}")
        return found

    async def configured(
        self, part: str, settings: Mapping[str, Any], detail: Mapping[str, Any], now: datetime
    ) -> None:
        """Write that this part was started with other settings; `settings` has its `digest`."""
        entry = {"what": "configuration", "at": to_ms(now), **detail}
        await self._store.run(
            "configured",
            part,
            now,
            json.dumps(settings),
            settings["digest"],
            json.dumps(entry),
        )
