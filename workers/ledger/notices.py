"""What people must be told: written down by whoever sees it, sent by the outbox."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from workers.clock import to_ms
from workers.durations import milliseconds
from workers.ledger.store import Store


class Notices:
    """The notices. Scripts write theirs in the same instant as what they decide."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(
        self,
        kind: str,
        detail: Mapping[str, Any],
        now: datetime,
        *,
        once: str = "",
        lasts: timedelta = timedelta(days=1),
    ) -> None:
        """Have people told; with `once`, not again for the same while it `lasts`."""
        await self._store.run(
            "notice", [to_ms(now), kind, json.dumps(detail), once, milliseconds(lasts)]
        )
