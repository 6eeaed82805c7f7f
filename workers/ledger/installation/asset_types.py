"""The account's flexible asset types, remembered between jobs: each job is a process of its own."""

import json
from datetime import timedelta
from typing import cast

from workers.ledger.store import Store
from workers.times.durations import milliseconds

# Assets of a type made within this time are not counted; a deletion plans twice and asks later.
_REMEMBERED = timedelta(minutes=5)


class RememberedTypes:
    """What one job knows of the types, and whether it learned something."""

    def __init__(self, ids: tuple[str, ...] | None) -> None:
        self._ids = ids
        self.changed = False

    def get(self) -> tuple[str, ...] | None:
        """The ids, or `None` if none are remembered."""
        return self._ids

    def put(self, ids: tuple[str, ...]) -> None:
        """Remember these."""
        self._ids, self.changed = ids, True

    def clear(self) -> None:
        """Forget them."""
        self._ids, self.changed = None, True


class AssetTypes:
    """The memory that all workers share."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.key("itglue", "asset_types")

    async def load(self) -> RememberedTypes:
        """What is remembered."""
        known = cast("bytes | None", await self._store.redis.get(self._key))
        return RememberedTypes(tuple(json.loads(known)) if known is not None else None)

    async def store(self, types: RememberedTypes) -> None:
        """Keep what a job learned."""
        if not types.changed:
            return
        ids = types.get()
        if ids is None:
            await self._store.redis.delete(self._key)
        else:
            await self._store.redis.set(self._key, json.dumps(ids), px=milliseconds(_REMEMBERED))
