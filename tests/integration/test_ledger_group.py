"""Deliveries that share a run of the script leave the ledger as each of them alone would."""

import asyncio
import random
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.clock import TestClock
from tests.support.service import stored
from workers.ledger.events.deliveries import Receipt
from workers.ledger.ledger import Ledger

CLIENTS = ("1", "2", "3")
CANCELLED = '[{"code": "Cancelled", "message": "m", "timestamp": "t"}]'


def _event(number: int, chance: random.Random) -> dict[str, Any]:
    """Of a few clients, so that they meet: asked for, active again, or not understood."""
    client = chance.choice(CLIENTS)
    known = {"event_id": f"e{chance.randrange(25)}", "client": client, "also": [f"name:{client}"]}
    match chance.randrange(6):
        case 0 | 1:
            return {"kind": "reactivated", "cancelled": CANCELLED, **known}
        case 2:
            return {"kind": "rejected", "reason": "r", "clients": [client], **known}
        case _:
            return {
                "kind": "request", "request": f'{{"org_name":"{client}"}}', "actor": "m",
                "deletion_id": f"del_{number}", "callback_url": "https://h/", **known,
            }  # fmt: skip


async def _record(
    ledger: Ledger, clock: TestClock, events: list[dict[str, Any]], *, together: bool
) -> list[tuple[Receipt, ...]]:
    def one(number: int) -> Any:
        delivery = {
            "id": f"dlv_{number}", "source": "cw", "vendor": "connectwise", "headers": "[]",
        }  # fmt: skip
        return ledger.deliveries.receive(
            delivery=delivery, body=b"%d" % (number % 20), events=[events[number]], now=clock()
        )

    if together:
        return list(await asyncio.gather(*(one(number) for number in range(len(events)))))
    return [await one(number) for number in range(len(events))]


@pytest.mark.parametrize("seed", range(4))
async def test_a_group_is_as_its_deliveries_one_by_one(
    ledger: Ledger, redis: Redis, clock: TestClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Those that wait for the disk would go ahead in a group of their own.
    monkeypatch.setattr(ledger.store, "fsync", True)
    events = [_event(number, random.Random(f"{seed}.{number}")) for number in range(60)]  # noqa: S311 - a seed
    receipts, kept = [], []
    for together in (False, True):
        await redis.flushall()
        # The queue is full, so that all of them wait for their turn.
        await redis.rpush(ledger.store.queue_key, *map(str, range(20)))
        receipts.append(await _record(ledger, clock, events, together=together))
        content: dict[bytes, Any] = await stored(redis)
        content[b"unglue:audit:pending"] = [
            fields for _, fields in content[b"unglue:audit:pending"]
        ]
        # Within a run only the last decision's tip is known.
        content[b"unglue:audit:tips"] = [
            tip.partition(b":")[0] for tip in content[b"unglue:audit:tips"]
        ]
        content.pop(b"unglue:marker", None)
        kept.append(content)
    assert receipts[0] == receipts[1]
    assert kept[0] == kept[1]
    assert len({receipt.reason for (receipt,) in receipts[0]}) > 4


async def test_the_tip_follows_from_every_decision(
    ledger: Ledger, redis: Redis, clock: TestClock
) -> None:
    tips = set()
    for reason in ("a", "b"):
        await redis.flushall()
        events = [
            {"kind": "ignored", "event_id": f"e{number}", "reason": reason if number == 3 else "c"}
            for number in range(9)
        ]
        await _record(ledger, clock, events, together=True)
        newest: Any = await redis.lrange("unglue:audit:tips", 0, -1)
        assert [int(tip.partition(b":")[0]) for tip in newest] == list(range(1, 10))
        assert newest[-1].startswith(await redis.get("unglue:audit:number"))
        tips.add(newest[-1])
    assert len(tips) == 2
