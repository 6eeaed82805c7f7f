"""Audit logs for the tests: written as the product writes them, and verified as it verifies."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis

from workers.audit.chain import Head, Waiting, body_of, canonical, compose, head_of
from workers.audit.keys import Keyring
from workers.audit.verify import Report, Verifier
from workers.ledger.ledger import Ledger
from workers.times.clock import from_ms

NOW = from_ms(1_790_000_000_000)


def chained(
    bodies: Iterable[dict[str, Any]], keys: Keyring, before: Head | None = None
) -> list[dict[str, Any]]:
    """These decisions as the writer chains them."""
    waiting = [
        Waiting(f"{number}-0", None, body_of(each, NOW)) for number, each in enumerate(bodies)
    ]
    return list(compose(waiting, before, number=0, keys=keys, broken=None, now=NOW))


def written(entries: Iterable[dict[str, Any]]) -> list[bytes]:
    """The lines of these entries, without their ends."""
    return [canonical(entry).encode() for entry in entries]


def decisions(count: int, first: int = 1) -> list[dict[str, Any]]:
    """Some decisions, no two alike."""
    return [
        {
            "what": "intent" if number % 3 else "planned",
            "deletion_id": f"del_{number}",
            "org_id": str(300 + number),
            "operator": "alice",
            "reason": "Vertrag beëindigd, “zu Ende”, 契約終了",
            "number": number,
            "refused": ["dependencies"],
            "at": 1_790_000_000_000 + 1000 * number,
        }
        for number in range(first, first + count)
    ]


def checked(
    lines: Sequence[bytes], keys: Keyring, *, before: Head | None = None, head: Head | None = None
) -> Report:
    """What the verifier says of these lines."""
    verifier = Verifier(keys, before=before, expected=head)
    for number, line in enumerate(lines, 1):
        if not verifier.take(line, file="audit.log", line=number):
            break
    return verifier.report()


async def pending(redis: Redis | Ledger) -> list[dict[str, Any]]:
    """What is to join the chain, oldest first."""
    server: Any = redis.store.redis if isinstance(redis, Ledger) else redis
    return [json.loads(each[b"entry"]) for _, each in await server.xrange("unglue:audit:pending")]


async def audited(redis: Redis | Ledger, *what: str) -> list[dict[str, Any]]:
    """Those of them that say one of these."""
    return [each for each in await pending(redis) if (each.get("what") or each["entry"]) in what]


async def logged(ledger: Ledger) -> list[dict[str, Any]]:
    """The chain in Redis."""
    lines = await ledger.audit_log.lines(0, 10_000)
    return [json.loads(line.text) for line in lines]


def in_file(path: Path) -> list[dict[str, Any]]:
    """The chain in a file, every line whole."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    return [cast("dict[str, Any]", json.loads(line)) for line in content.splitlines()]


def head_at(entries: Sequence[dict[str, Any]], index: int = -1) -> Head:
    return head_of(entries[index])


async def planted(ledger: Ledger, entries: Sequence[dict[str, Any]]) -> None:
    """Who may write to Redis leaves this log there, and the head that is noted beside it."""
    store = ledger.store
    await store.redis.delete(store.key("audit", "log"))
    for entry, line in zip(entries, written(entries), strict=True):
        fields: Any = {"entry": line}
        await store.redis.xadd(store.key("audit", "log"), fields, id=f"{entry['seq']}-0")
    head = head_at(entries)
    noted: Any = {"seq": head.seq, "hash": head.hash, "key": head.key, "number": head.seq}
    await store.redis.hset(store.key("audit", "head"), mapping=noted)
