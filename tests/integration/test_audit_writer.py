"""The writer: every decision joins the chain once, whoever dies where, and the file follows."""

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.audit import chained, checked, head_at, in_file, logged, planted, written
from tests.support.clock import TestClock
from workers.audit.chain import compose
from workers.audit.keys import Keyring
from workers.audit.writer import AuditWriter
from workers.ledger.ledger import Ledger

KEYS = Keyring.of(["the first secret"])
ROTATED = Keyring.of(["the second secret", "the first secret"])


def writer(ledger: Ledger, path: Path | str = "", keys: Keyring = KEYS, keep: int = 1000) -> Any:
    return AuditWriter(ledger, keys, path=str(path), keep=keep)


async def decide(ledger: Ledger, clock: TestClock, count: int, what: str = "planned") -> None:
    for number in range(count):
        await ledger.audit.write(what, {"org_id": str(number)}, clock())


async def turn(writer: AuditWriter, clock: TestClock) -> None:
    """What a scheduler does in two ticks."""
    for _ in range(2):
        await writer.follow(clock())
        await writer.write(clock())
    await writer.follow(clock())


async def pending(ledger: Ledger) -> int:
    count: int = await ledger.store.redis.xlen(ledger.store.key("audit", "pending"))
    return count


async def test_decisions_join_the_chain_in_order(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 250)
    await writer(ledger).write(clock())
    entries = await logged(ledger)
    assert [entry["seq"] for entry in entries] == list(range(1, 251))
    assert [entry["org_id"] for entry in entries] == [str(number) for number in range(250)]
    assert entries[0]["at"] == "2026-11-23T12:00:00.000Z"
    assert await pending(ledger) == 0
    report = checked(written(entries), KEYS)
    assert (report.fault, report.entries) == (None, 250)


async def test_many_writers_at_once_chain_everything_once(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 500)
    for _ in range(6):
        await asyncio.gather(*(writer(ledger).write(clock()) for _ in range(8)))
    entries = await logged(ledger)
    assert [entry["org_id"] for entry in entries] == [str(number) for number in range(500)]
    assert checked(written(entries), KEYS).fault is None


async def test_the_same_append_again_does_nothing(ledger: Ledger, clock: TestClock) -> None:
    """redis-py repeats a script whose answer was lost."""
    await decide(ledger, clock, 3)
    log = ledger.audit_log
    state, waiting = await log.state(), await log.waiting(10, clock())
    entries = list(compose(waiting, None, number=0, keys=KEYS, broken=None, now=clock()))
    assert await log.append(state.head, entries, taken=waiting, number=3)
    await decide(ledger, clock, 1)
    assert not await log.append(state.head, entries, taken=waiting, number=3)
    assert (len(await logged(ledger)), await pending(ledger)) == (3, 1)


async def test_what_was_dropped_is_said(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 2)
    await writer(ledger).write(clock())
    await decide(ledger, clock, 5)
    await redis.xtrim(ledger.store.key("audit", "pending"), maxlen=2, approximate=False)
    await writer(ledger).write(clock())
    missing = (await logged(ledger))[2]
    assert (missing["what"], missing["first"], missing["last"], missing["count"]) == (
        "entries_missing", 3, 5, 3,
    )  # fmt: skip
    assert any(
        "3 decisions were lost" in n for n in checked(written(await logged(ledger)), KEYS).notes
    )


async def test_what_nobody_takes_is_bounded(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    add = "for n = 1, 100950 do redis.call('XADD', KEYS[1], '*', 'n', n, 'entry', '{}') end"
    await redis.eval(add, 1, ledger.store.key("audit", "pending"))
    await redis.set(ledger.store.key("audit", "number"), 100_950)
    await decide(ledger, clock, 49)
    assert await pending(ledger) == 100_999
    await decide(ledger, clock, 1)
    assert 100_000 <= await pending(ledger) <= 100_100


async def test_foreign_entries_stop_nothing(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    stream = ledger.store.key("audit", "pending")
    for entry in (
        b"\xff\xfe",
        b"[1]",
        b'{"what": 7}',
        b'{"seq": 9, "hash": "x", "deep": ' + b"[" * 50 + b"]" * 50 + b"}",
    ):
        await redis.xadd(stream, {b"entry": entry})
    await redis.xadd(stream, {b"other": b"field"})
    await decide(ledger, clock, 1)
    await redis.xadd(
        stream, {b"entry": b'{"what": "long", "detail": "' + b"x" * 9000 + b'\\ud800"}'}
    )
    await writer(ledger).write(clock())
    entries = await logged(ledger)
    assert len(entries) == 7
    assert entries[3]["seq_"] == 9
    assert len(entries[-1]["detail"]) == 2000
    assert checked(written(entries), KEYS).fault is None


async def test_without_keys_the_chain_is_only_hashed(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 2)
    await writer(ledger, keys=Keyring()).write(clock())
    entries = await logged(ledger)
    assert {(entry["key"], entry["sig"]) for entry in entries} == {(None, None)}
    report = checked(written(entries), Keyring())
    assert report.fault is None
    assert any("signatures were not" in note for note in report.notes)
    assert checked(written(entries), KEYS).fault is not None


async def test_a_new_key_is_signed_by_both(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 2)
    await writer(ledger).write(clock())
    await writer(ledger, keys=ROTATED).write(clock())
    await decide(ledger, clock, 2)
    await writer(ledger, keys=ROTATED).write(clock())
    entries = await logged(ledger)
    changed = entries[2]
    assert (changed["what"], changed["from"], changed["to"], changed["by_old_key"]) == (
        "key_changed", KEYS.keys[0].id, ROTATED.keys[0].id, True,
    )  # fmt: skip
    assert checked(written(entries), ROTATED).fault is None
    # The old key may go: what it signed is vouched for by the new one.
    report = checked(written(entries), Keyring(ROTATED.keys[:1]))
    assert report.fault is None
    assert any("vouches" in note for note in report.notes)


@pytest.mark.parametrize("keys", [Keyring.of(["another"]), Keyring()])
async def test_a_key_changed_alone_shows(ledger: Ledger, clock: TestClock, keys: Keyring) -> None:
    await decide(ledger, clock, 2)
    await writer(ledger).write(clock())
    await writer(ledger, keys=keys).write(clock())
    entries = await logged(ledger)
    assert entries[-1]["what"] == "key_changed"
    assert entries[-1]["by_old_key"] is False
    report = checked(written(entries), keys)
    assert report.fault is None
    assert any("without the key before" in note for note in report.notes)


async def test_redis_keeps_the_newest(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 1250)
    await writer(ledger).write(clock())
    entries = await logged(ledger)
    assert [entries[0]["seq"], len(entries)] == [251, 1000]
    assert (await ledger.audit_log.state()).floor == 251


async def test_the_file_keeps_all(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    await decide(ledger, clock, 1250)
    it = writer(ledger, path)
    await it.write(clock())
    assert len(await logged(ledger)) == 1250  # the file has none of them yet
    await turn(it, clock)
    assert len(await logged(ledger)) == 1000
    assert [entry["seq"] for entry in in_file(path)] == list(range(1, 1251))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_crash_loses_nothing(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    """A half written line, and a batch that Redis was not told of."""
    path = tmp_path / "audit.log"
    await decide(ledger, clock, 5)
    it = writer(ledger, path)
    await turn(it, clock)
    whole = path.read_bytes()
    for cut in range(1, 400, 7):
        it._file.close()
        path.write_bytes(whole[:-cut])
        os.truncate(path, len(whole) - cut)
        it = writer(ledger, path)
        await it.follow(clock())
        assert path.read_bytes() == whole, cut


async def test_a_rotated_file_goes_on(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path, old = tmp_path / "audit.log", tmp_path / "audit.log.1"
    it = writer(ledger, path)
    await decide(ledger, clock, 3)
    await turn(it, clock)
    path.rename(old)
    await decide(ledger, clock, 2)
    await turn(it, clock)
    assert [entry["seq"] for entry in in_file(path)] == [4, 5]
    # Rotated again, while no scheduler runs.
    it._file.close()
    path.rename(tmp_path / "audit.log.2")
    path.touch(0o600)
    await decide(ledger, clock, 1)
    await turn(writer(ledger, path), clock)
    assert [entry["seq"] for entry in in_file(path)] == [6]
    both = [
        line
        for each in (old, tmp_path / "audit.log.2", path)
        for line in each.read_bytes().splitlines()
    ]
    assert checked(both, KEYS).fault is None


async def test_a_truncated_file_goes_on(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    it = writer(ledger, path)
    await decide(ledger, clock, 3)
    await turn(it, clock)
    os.truncate(path, 0)
    await decide(ledger, clock, 1)
    await turn(it, clock)
    assert [entry["seq"] for entry in in_file(path)] == [4]


async def test_one_process_writes_to_it(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    first, second = writer(ledger, path), writer(ledger, path)
    for _ in range(5):
        await decide(ledger, clock, 3)
        await turn(first, clock)
        await turn(second, clock)
    first._file.close()
    await decide(ledger, clock, 1)
    await turn(second, clock)
    entries = in_file(path)
    assert [entry["seq"] for entry in entries] == list(range(1, 17))
    assert "chain_broken" not in {entry["what"] for entry in entries}


async def test_a_full_disk_is_told(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    folder = tmp_path / "not yet"
    it = writer(ledger, folder / "audit.log")
    await decide(ledger, clock, 3)
    await turn(it, clock)
    assert len(await logged(ledger)) == 3
    told = await ledger.store.hash("notice", "ntc_1")
    assert told["kind"] == "audit_file_failed"
    assert await ledger.store.hash("notice", "ntc_2") == {}
    folder.mkdir()
    await turn(it, clock)
    assert len(in_file(folder / "audit.log")) == 3


async def test_a_line_that_does_not_fit_leaves_the_file_whole(
    ledger: Ledger, clock: TestClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.log"
    it = writer(ledger, path)
    await decide(ledger, clock, 2)
    await turn(it, clock)
    before = path.read_bytes()
    write, room = os.write, [50]

    def full(file: int, content: Any) -> int:
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        room[0] -= (count := write(file, content[: room[0]]))
        return count

    await decide(ledger, clock, 2)
    with monkeypatch.context() as patched:
        patched.setattr("workers.audit.file.os.write", full)
        await turn(it, clock)
    assert path.read_bytes() == before
    await turn(it, clock)
    assert [entry["seq"] for entry in in_file(path)] == [1, 2, 3, 4]


async def test_standard_output(
    ledger: Ledger, clock: TestClock, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    await decide(ledger, clock, 3)
    it = writer(ledger, "-")
    await turn(it, clock)
    await decide(ledger, clock, 1)
    await turn(writer(ledger, "-"), clock)  # another process goes on where this one was
    lines = capfdbinary.readouterr().out.splitlines()
    assert checked(lines, KEYS).fault is None
    assert len(lines) == 4


async def execute(redis: Redis, *command: str) -> None:
    await redis.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py's own


BROKEN: dict[str, Any] = {
    "the newest entry is removed": ["XDEL", "log", "5-0"],
    "all entries are removed": ["DEL", "log"],
    "an entry is added": ["XADD", "log", "6-0", "entry", "{}"],
    "the head is removed": ["DEL", "head"],
    "the head is set back": ["HSET", "head", "seq", "4"],
}


async def told_once(ledger: Ledger) -> None:
    """People hear that the chain broke, and besides at most that the ledger is another one."""
    assert (await ledger.store.hash("notice", "ntc_1"))["kind"] == "chain_broken"
    assert (await ledger.store.hash("notice", "ntc_2")).get("kind") in {None, "ledger_lost"}
    assert await ledger.store.hash("notice", "ntc_3") == {}


@pytest.mark.parametrize("command", BROKEN.values(), ids=BROKEN)
async def test_a_broken_chain_is_told_and_goes_on_in_a_segment_that_says_so(
    redis: Redis, ledger: Ledger, clock: TestClock, command: list[str]
) -> None:
    await decide(ledger, clock, 5)
    it = writer(ledger)
    await it.write(clock())
    name, key, *rest = command
    await execute(redis, name, ledger.store.key("audit", key), *rest)
    await decide(ledger, clock, 1, "paused")
    await it.write(clock())
    await it.write(clock())
    said = [
        entry["what"]
        for entry in await logged(ledger)
        if entry.get("seq", 0) > 5 and "ledger_lost" not in json.dumps(entry)
    ]
    assert [what for what in said if what != "entries_missing"] == ["chain_broken", "paused"]
    await told_once(ledger)


async def test_who_dies_beside_a_broken_chain_has_told_of_it(
    redis: Redis, ledger: Ledger, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry that says so mends the chain, so nobody would find it broken again."""
    await decide(ledger, clock, 5)
    await writer(ledger).write(clock())
    await redis.xdel(ledger.store.key("audit", "log"), "5-0")
    append = ledger.audit_log.append

    async def then_dies(*args: Any, **named: Any) -> bool:
        await append(*args, **named)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ledger.audit_log, "append", then_dies)
        with pytest.raises(RuntimeError):
            await writer(ledger).write(clock())
    for _ in range(2):
        await writer(ledger).write(clock())
    assert [entry["what"] for entry in await logged(ledger)].count("chain_broken") == 1
    await told_once(ledger)


async def replaced(ledger: Ledger, entries: list[dict[str, Any]]) -> None:
    """The same with all that is noted beside the log."""
    await planted(ledger, entries)
    store = ledger.store
    head = head_at(entries)
    await store.redis.set(store.key("audit", "number"), head.seq)


async def test_a_log_cut_off_with_its_head_is_noticed(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 5)
    it = writer(ledger)
    await it.write(clock())
    await replaced(ledger, (await logged(ledger))[:3])
    await decide(ledger, clock, 2, "paused")
    await it.write(clock())
    await it.write(clock())
    whats = [entry["what"] for entry in await logged(ledger)]
    # The third pause is ours: Redis lost what it had.
    assert whats == ["planned"] * 3 + ["chain_broken"] + ["paused"] * 3
    await told_once(ledger)


async def test_a_log_rewritten_by_the_old_key_is_seen(ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 3)
    await writer(ledger).write(clock())
    it = writer(ledger, keys=ROTATED)
    await decide(ledger, clock, 2)
    await it.write(clock())
    await replaced(ledger, chained([{"what": "nothing"}] * 9, KEYS))
    await it.write(clock())
    assert "chain_broken" in [entry["what"] for entry in await logged(ledger)]


async def test_writers_that_take_turns_find_nothing(ledger: Ledger, clock: TestClock) -> None:
    one, other = writer(ledger, keep=10), writer(ledger, keep=10)
    for it in (one, other, one, other):
        await decide(ledger, clock, 25)
        await it.write(clock())
    assert {entry["what"] for entry in await logged(ledger)} == {"planned"}


async def test_an_edited_newest_is_seen(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    await decide(ledger, clock, 5)
    it = writer(ledger)
    await it.write(clock())
    log = ledger.store.key("audit", "log")
    await redis.xdel(log, "5-0")
    await execute(redis, "XADD", log, "5-1", "entry", '{"seq":5,"hash":"h","key":null}')
    await it.write(clock())
    assert (await logged(ledger))[-1]["what"] == "chain_broken"


async def test_what_redis_lost_is_not_numbered_again(
    redis: Redis, ledger: Ledger, clock: TestClock, tmp_path: Path
) -> None:
    """Redis was emptied, or restored from an old copy: the file is ahead of it."""
    path = tmp_path / "audit.log"
    it = writer(ledger, path)
    await decide(ledger, clock, 5)
    await turn(it, clock)
    for restarted in (False, True):
        if restarted:
            it._file.close()
            it = writer(ledger, path)
        await redis.flushall()
        await decide(ledger, clock, 2)
        await turn(it, clock)
    entries = in_file(path)
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["what"] for entry in entries].count("chain_broken") == 2
    assert checked(written(entries), KEYS).fault is None


async def test_a_lost_end_is_completed(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    it = writer(ledger, path)
    await decide(ledger, clock, 5)
    await turn(it, clock)
    lines = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, sum(map(len, lines[:3])))
    await turn(it, clock)
    entries = in_file(path)
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[-1]["why"] == "the end of the file is gone"
    assert (await ledger.store.hash("notice", "ntc_1"))["kind"] == "chain_broken"


async def test_a_forged_line_is_noticed(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    it = writer(ledger, path)
    await decide(ledger, clock, 5)
    await turn(it, clock)
    forged = chained([{"what": "nothing"}], Keyring.of(["mine"]), head_at(in_file(path)))
    with path.open("ab") as file:
        file.write(written(forged)[0] + b"\n")
    await turn(it, clock)
    assert (await logged(ledger))[-1]["why"] == "the last line of the file is not what was written"
    report = checked(path.read_bytes().splitlines(), KEYS)
    assert report.fault is not None
    assert report.fault.line == 6
