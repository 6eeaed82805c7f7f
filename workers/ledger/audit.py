"""The audit stream: decisions, written by those who decide; one writer chains them later."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers.clock import to_ms
from workers.ledger.store import Store


class Audit:
    """The way in for what no script of its own decides: what operators do, what is configured."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, what: str, detail: Mapping[str, Any], now: datetime) -> None:
        """Write down one decision. Nothing in it is secret."""
        await self._store.run("audit", [to_ms(now), what, json.dumps(detail)])
