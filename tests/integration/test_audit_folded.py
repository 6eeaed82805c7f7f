"""Older entries are kept a hundred together, and read and verified as if each stood alone."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from tests.support.audit import chained, checked, decisions, head_at, planted, written
from tests.support.clock import TestClock
from workers.audit.keys import Keyring
from workers.audit.reading import Filter, search, verify_log
from workers.audit.writer import AuditWriter
from workers.ledger.auditing.audit_log import Line
from workers.ledger.ledger import Ledger
from workers.ledger.packing import packed, unpacked

KEYS = Keyring.of(["a secret"])
MANY = 345


async def fold(ledger: Ledger) -> None:
    while await ledger.audit_log.fold():
        pass


async def room(redis: Redis, ledger: Ledger) -> int:
    names = [ledger.store.key("audit", name) for name in ("log", "folded")]
    return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])


async def test_every_part_of_the_log_reads_as_before(redis: Redis, ledger: Ledger) -> None:
    entries = chained(decisions(MANY), KEYS)
    await planted(ledger, entries)
    large, log = await room(redis, ledger), ledger.audit_log
    all_of_them = [Line(seq, text) for seq, text in enumerate(written(entries), 1)]
    await fold(ledger)
    assert await redis.xlen(ledger.store.key("audit", "folded")) == 3
    assert 3 * await room(redis, ledger) < large
    for first in range(0, MANY + 3, 7):
        for limit in (1, 50, 100, 230, 1000):
            skipped = max(first - 1, 0)
            assert await log.lines(first, limit) == all_of_them[skipped : skipped + limit]
            newest_first = all_of_them[: max(first - 1, 0)][::-1][:limit]
            assert await log.lines_before(first, limit) == newest_first
    assert await log.lines_before(None, 1000) == all_of_them[::-1]
    report = await verify_log(log, KEYS, head_at(entries))
    assert (report.fault, report.entries) == (None, MANY)
    found = await search(log, Filter(what=entries[0]["what"]), before=None, limit=MANY)
    assert found.entries[-1] == entries[0]


async def test_two_who_fold_at_once_lose_nothing(ledger: Ledger, clock: TestClock) -> None:
    for number in range(MANY):
        await ledger.audit.write("planned", {"org_id": str(number)}, clock())
    writers = [AuditWriter(ledger, KEYS, path="", keep=1000) for _ in range(4)]
    await asyncio.gather(*(writer.write(clock()) for writer in writers))
    await asyncio.gather(*(ledger.audit_log.fold() for _ in range(4)))
    lines = await ledger.audit_log.lines(0, 1000)
    assert [line.seq for line in lines] == list(range(1, MANY + 1))
    assert checked([line.text for line in lines], KEYS).fault is None


async def test_what_is_none_of_ours_stays_what_it_is(redis: Redis, ledger: Ledger) -> None:
    entries = chained(decisions(MANY), KEYS)
    await planted(ledger, entries)
    log = ledger.store.key("audit", "log")
    for seq in (1, 57):
        await redis.xdel(log, f"{seq}-0")
    before = await ledger.audit_log.lines(0, 1000)
    await fold(ledger)
    assert await ledger.audit_log.lines(0, 1000) == before
    # Somebody made room for entries of their own.
    await redis.delete(log)
    await redis.xadd(log, {"entry": b"not\nours", "more": "1"}, id="500-7")
    for seq in range(501, 640):
        await redis.xadd(log, {"entry": b"{}"}, id=f"{seq}-0")
    before = await ledger.audit_log.lines(0, 1000)
    await fold(ledger)
    assert await redis.xlen(log) < 120
    assert await ledger.audit_log.lines(0, 1000) == before


async def test_an_edit_among_many_is_found(redis: Redis, ledger: Ledger) -> None:
    entries = chained(decisions(MANY), KEYS)
    await planted(ledger, entries)
    await fold(ledger)
    folded, head = ledger.store.key("audit", "folded"), head_at(entries)
    raw: Any = await redis.xrange(folded)
    lines = unpacked(raw[1][1][b"entries"]).split(b"\n")
    assert lines[41] == written(entries)[141]
    lines[41] = lines[41].replace(entries[141]["at"].encode(), b"2020-01-01T00:00:00.000Z")
    await redis.delete(folded)
    for place, (name, _) in enumerate(raw):
        content = b"\n".join(lines) if place == 1 else unpacked(raw[place][1][b"entries"])
        await redis.xadd(folded, {"entries": packed(content)}, id=name)
    fault = (await verify_log(ledger.audit_log, KEYS, head)).fault
    assert fault is not None
    assert (fault.seq, "it was edited" in fault.why) == (142, True)
    # Cut in the middle of its bytes.
    await redis.delete(folded)
    for name, fields in raw:
        await redis.xadd(folded, {"entries": fields[b"entries"][:-40]}, id=name)
    fault = (await verify_log(ledger.audit_log, KEYS, head)).fault
    assert fault is not None
    await redis.delete(folded)
    fault = (await verify_log(ledger.audit_log, KEYS, head)).fault
    assert fault is not None
    assert "the entries from 1 to 300 are missing" in fault.why


async def test_the_oldest_leave_as_before(redis: Redis, ledger: Ledger) -> None:
    entries = chained(decisions(MANY), KEYS)
    await planted(ledger, entries)
    await fold(ledger)
    await ledger.audit_log.trim(150)
    assert await redis.xlen(ledger.store.key("audit", "folded")) == 2
    report = await verify_log(ledger.audit_log, KEYS, head_at(entries))
    assert (report.fault, report.first) == (None, 150)
