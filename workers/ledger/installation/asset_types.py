"""The account's flexible asset types, remembered between jobs: each job is a process of its own."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from workers.ledger.store import Store

# Assets of a type made within this time are not counted; a deletion plans twice and asks later.
_REMEMBERED = timedelta(minutes=5)


@dataclass(slots=True)
class RememberedTypes:
    """The ids that one job knows, `None` for none, and whether it learned something."""

    ids: tuple[str, ...] | None
    changed: bool = False

    def learn(self, ids: tuple[str, ...] | None) -> None:
        """Remember these; `None`: forget those that were."""
        self.ids, self.changed = ids, True


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
        if types.ids is None:
            await self._store.redis.delete(self._key)
        else:
            await self._store.redis.set(self._key, json.dumps(types.ids), px=_REMEMBERED)
