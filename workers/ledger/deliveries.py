"""What sources sent: recorded, deduplicated and acted on in one step."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.errors import NotFound
from workers.clock import from_ms, to_ms
from workers.ledger.records import Delivery, Receipt
from workers.ledger.store import Store


class Deliveries:
    """The deliveries."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def receive(
        self,
        *,
        delivery: Mapping[str, str],
        body: bytes,
        events: Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> tuple[Receipt, ...]:
        """Make a verified delivery durable, and do what its events ask for.

        `events` holds at least one event, each with `kind`, `event_id` and what its kind needs.
        `delivery` may say when it was `received_at`, in milliseconds, if that is not now.

        Raises:
            NotDurable: it was recorded, and may yet be lost with the server: send it again.
        """
        reactivates = any(event["kind"] == "reactivated" for event in events)
        at = to_ms(now)
        raw = await self._store.run(
            "receive",
            [
                at,
                at + self._store.requeue_after,
                self._store.retention,
                json.dumps(delivery),
                body,
                json.dumps(events),
            ],
            durable=self._store.fsync or reactivates,
        )
        return tuple(
            Receipt(
                verdict=entry["verdict"],
                reason=entry["reason"],
                deletion_id=entry.get("deletion_id"),
                event_id=entry["event_id"],
                alert=entry.get("alert"),
                job=entry.get("job"),
                missing=entry.get("missing"),
            )
            for entry in json.loads(raw)
        )

    async def get(self, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            NotFound: there is none of this id.
        """
        raw = await self._store.hash("delivery", delivery_id)
        if not raw:
            raise NotFound(f"there is no delivery {delivery_id}")
        body = raw.pop("body")
        fields = {name: value.decode() for name, value in raw.items()}
        return Delivery(
            id=fields["id"],
            source=fields["source"],
            vendor=fields["vendor"],
            received_at=from_ms(fields["received_at"]),
            headers=tuple((name, value) for name, value in json.loads(fields["headers"])),
            body=body,
            verdict=fields["verdict"],
            reason=fields["reason"],
            deletion_id=fields["deletion_id"] or None,
            events=tuple(json.loads(fields.get("events") or "[]")),
        )
