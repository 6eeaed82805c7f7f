"""Ledgers as the tests need them: new, and known to whoever worked with the one before."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.ledger.store import Store
from workers.processes.queue import QUEUE_KEY

# After every moment of a test.
ALWAYS = 10**15


async def begin_anew(server: Redis) -> None:
    """Empty the server and found a ledger, as if an admin had accepted that.

    Services that run across several tests go on with the new one.
    """
    redis: Any = server
    before = await redis.hget("unglue:ledger", "id")
    accepted = dict(await redis.hgetall("unglue:ledger:accepted"))
    if before:
        accepted[before] = b"0"
    info = await redis.info("server")
    async with redis.pipeline(transaction=True) as at_once:
        at_once.flushall()
        at_once.hset("unglue:ledger", mapping={"id": uuid4().hex, "created_at": 0})
        at_once.set("unglue:running", 0)
        # Everybody has looked at this server, and a service is there.
        seen = {"server": info["run_id"], "server_at": 0, "heard_at": ALWAYS}
        at_once.hset("unglue:ledger", mapping=seen)
        if accepted:
            at_once.hset("unglue:ledger:accepted", mapping=accepted)
        await at_once.execute()


async def memory_of(server: Redis) -> Memory:
    """What somebody remembers who has just looked."""
    redis: Any = server
    return Memory((await redis.hget("unglue:ledger", "id")).decode())


async def new_store(server: Redis) -> Store:
    """The store of a ledger that is founded here, for records of any time."""
    await begin_anew(server)
    minute = timedelta(minutes=1)
    return Store(
        server, queue_key=QUEUE_KEY, lease=minute, requeue_after=minute,
        retention=timedelta(days=400), memory=await memory_of(server), own_clock=True,
    )  # fmt: skip


async def notices(ledger: Ledger, kind: str = "") -> list[dict[str, Any]]:
    """The notices that are due (of this kind), oldest first: their kind and what they say."""
    names: Any = await ledger.store.redis.zrange("unglue:notices:due", 0, -1)
    found = [await ledger.notices.get(name.decode()) for name in names]
    return [{"kind": each.kind, **each.detail} for each in found if kind in {"", each.kind}]


async def notice_kinds(ledger: Ledger) -> list[str]:
    """The kinds of the notices that are due, oldest first."""
    return [each["kind"] for each in await notices(ledger)]


async def snapshot(redis: Any) -> dict[bytes, bytes]:
    """A copy of all that is in it."""
    return {name: await redis.dump(name) for name in await redis.keys("*")}


async def restore(redis: Any, copy: dict[bytes, bytes]) -> None:
    """Have the copy in the place of what is in it."""
    await redis.flushall()
    for name, value in copy.items():
        await redis.restore(name, 0, value)
