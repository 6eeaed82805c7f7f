"""Reading the audit log: through the API, on the command line, and in every callback."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from tests.support.audit import chained, decisions, head_at, in_file, logged, planted, written
from tests.support.clock import TestClock
from tests.support.command import Command
from tests.support.service import (
    Service,
    configured,
    only_error,
    running_service,
    secret_key,
)
from workers.audit.keys import Keyring
from workers.audit.reading import verify_log
from workers.audit.writer import AuditWriter
from workers.ledger.auditing.audit_log import Line
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.pipeline.result import result_of

SECRETS = [secret_key("newest"), secret_key("previous")]
KEYS = Keyring.of(SECRETS)


@pytest.fixture(scope="module")
def service(valkey_url: str) -> Iterator[Service]:
    with redis.Redis.from_url(valkey_url) as server:
        # Another file's service may have left it.
        server.delete("unglue:audit:configuration")
        server.hdel("unglue:ledger", "form")
        with running_service(configured(valkey_url, secret_keys=SECRETS)) as running:
            # Written once, at start: later it would be an entry more in somebody's log.
            while not (
                server.hexists("unglue:audit:configuration", "service")
                and server.hexists("unglue:ledger", "form")
            ):
                time.sleep(0.01)
            yield running


@pytest.fixture
def unglue(unglue: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """With the settings of this installation."""
    monkeypatch.setenv("UNGLUE_ITGLUE__API_KEY", "ITG.test")
    monkeypatch.setenv("UNGLUE_SECRET_KEYS", json.dumps(SECRETS))
    return unglue


async def chain(ledger: Ledger, clock: TestClock, path: Path | str = "") -> None:
    """The writer's turn."""
    writer = AuditWriter(ledger, KEYS, path=str(path), keep=1000)
    await writer.write(clock())
    await writer.follow(clock())
    if writer._file is not None:
        writer._file.close()


async def some(ledger: Ledger, clock: TestClock) -> None:
    """A day of two organizations."""
    event = {"deletion_id": "del_1", "delivery_id": "dlv_1", "source": "cw"}
    await ledger.audit.write("event", event, clock())
    await ledger.audit.write("planned", {"deletion_id": "del_1", "org_id": "301"}, clock())
    clock.forward(hours=2)
    await ledger.audit.write("intent", {"deletion_id": "del_2", "org_id": "302"}, clock())
    cancelled = {"deletion_id": "del_1", "org_id": "301", "operator": "bob"}
    await ledger.audit.write("cancelled", cancelled, clock())
    await chain(ledger, clock)


FILTERS = [
    ("", [4, 3, 2, 1]),
    ("org_id=301", [4, 2, 1]),  # the event is older than what says which organization it meant
    ("org_id=302", [3]),
    ("deletion_id=del_2", [3]),
    ("operator=bob", [4]),
    ("what=planned", [2]),
    ("since=2026-11-23T13:00:00Z", [4, 3]),
    ("until=2026-11-23T13:00:00Z", [2, 1]),
    ("org_id=301&since=2026-11-23T13:00:00Z", [4]),
    ("limit=2", [4, 3]),
    ("limit=2&before=3", [2, 1]),
    ("org_id=9", []),
]


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("query", "seqs"), FILTERS)
async def test_the_log_is_filtered(
    service: Service, ledger: Ledger, clock: TestClock, query: str, seqs: list[int]
) -> None:
    await some(ledger, clock)
    answer = service.call("GET", f"/v1/audit?{query}", operator="dave").json()
    assert [entry["seq"] for entry in answer["entries"]] == seqs
    assert answer["head"] == {"seq": 4, "hash": (await logged(ledger))[-1]["hash"]}


@pytest.mark.usefixtures("redis")
async def test_a_look_is_continued(service: Service, ledger: Ledger, clock: TestClock) -> None:
    for number in range(450):
        await ledger.audit.write("planned", {"org_id": str(number % 2)}, clock())
    await chain(ledger, clock)
    seen, query = [], "org_id=1&limit=70"
    more = ""
    while True:
        answer = service.call("GET", f"/v1/audit?{query}{more}").json()
        seen += [entry["seq"] for entry in answer["entries"]]
        if answer["next_before"] is None:
            break
        more = f"&before={answer['next_before']}"
    assert seen == list(range(450, 0, -2))


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/verify"])
def test_it_is_for_operators_only(service: Service, path: str) -> None:
    assert service.http.get(path).status_code == 401


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "since=today", "other=1"])
def test_what_is_no_filter_is_refused(service: Service, query: str) -> None:
    only_error(service.call("GET", f"/v1/audit?{query}"), 422, "InvalidRequest")


@pytest.mark.usefixtures("redis")
async def test_show_prints_a_line_each(ledger: Ledger, clock: TestClock, unglue: Command) -> None:
    await ledger.audit.write(
        "answer", {"deletion_id": "del_1", "org_id": "301", "detail": "a\x1b[31m\nred [b]"}, clock()
    )
    await some(ledger, clock)
    status, out, err = unglue("audit", "show", "--org", "301")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[2] for line in lines] == ["#1", "#2", "#3", "#5"]
    assert "\x1b" not in out
    assert lines[-1].startswith("2026-11-23 14:00:00  #5  cancelled")
    assert "by bob" in lines[-1]
    status, out, err = unglue("audit", "show", "--limit", "1", "--json")
    assert json.loads(out)["what"] == "cancelled"
    assert "older ones" in err
    assert unglue("audit", "show", "--org", "77")[1:] == ("", "No entries.\n")


@pytest.mark.usefixtures("redis")
async def test_redis_chain_is_verified(ledger: Ledger, clock: TestClock, unglue: Command) -> None:
    assert unglue("audit", "verify")[:2] == (0, "valid: 0 entries\n")
    await some(ledger, clock)
    entries = await logged(ledger)
    status, out, _ = unglue("audit", "verify")
    assert (status, out) == (0, f"valid: 4 entries, 1 to 4; head 4:{entries[-1]['hash']}\n")
    assert unglue("audit", "verify", "--expect-head", f"2:{entries[1]['hash']}")[0] == 0
    status, out, _ = unglue("audit", "verify", "--expect-head", f"9:{entries[1]['hash']}")
    assert status == 1
    assert "entry 9 was expected and is missing" in out
    assert unglue("audit", "verify", "--expect-head", "9")[0] == 2


TAMPERED: dict[str, tuple[list[Any], str]] = {
    "the first removed": (["XDEL", "1-0"], "the entries from 1 to 1 are missing"),
    "one removed": (["XDEL", "3-0"], "entry 4: entry 3 is missing before it"),
    "the last removed": (["XDEL", "4-0"], "entry 4 was expected and is missing"),
    "all removed": (["DEL"], "entry 4 was expected and is missing"),
    "one added": (["XADD", "5-0", "entry", "{}"], "entry 5: the line is no entry"),
}


@pytest.mark.parametrize(("command", "why"), TAMPERED.values(), ids=TAMPERED)
async def test_a_tampered_chain_in_redis_is_found(
    redis: Redis, ledger: Ledger, clock: TestClock, unglue: Command, command: list[str], why: str
) -> None:
    await some(ledger, clock)
    log = ledger.store.key("audit", "log")
    await redis.execute_command(command[0], log, *command[1:])  # type: ignore[no-untyped-call] # redis-py's own
    status, out, _ = unglue("audit", "verify")
    assert status == 1
    assert why in out


async def test_an_old_key_beside_the_head_is_no_proof(ledger: Ledger, unglue: Command) -> None:
    """Who has it, and Redis, can write the log anew and set the head that is noted beside it."""
    entries = chained(decisions(4), Keyring.of(SECRETS[1:]))
    await planted(ledger, entries)
    head = head_at(entries)
    status, out, _ = unglue("audit", "verify")
    assert status == 1
    assert "which is not the newest" in out
    # One that was kept elsewhere does.
    assert unglue("audit", "verify", "--expect-head", f"4:{head.hash}")[0] == 0


@pytest.mark.usefixtures("redis")
async def test_entries_that_leave_while_they_are_read_are_not_missing(
    ledger: Ledger, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(600):
        await ledger.audit.write("planned", {}, clock())
    await chain(ledger, clock)
    read = ledger.audit_log.lines

    async def and_then_some_leave(first: int, limit: int) -> list[Line]:
        found = await read(first, limit)
        await ledger.audit_log.trim(350)
        return found

    monkeypatch.setattr(ledger.audit_log, "lines", and_then_some_leave)
    report = await verify_log(ledger.audit_log, KEYS, None)
    assert (report.fault, report.first, report.entries) == (None, 350, 251)


@pytest.mark.usefixtures("redis")
async def test_a_trimmed_chain_is_whole(ledger: Ledger, clock: TestClock, unglue: Command) -> None:
    for _ in range(1100):
        await ledger.audit.write("planned", {}, clock())
    await chain(ledger, clock)
    status, out, err = unglue("audit", "verify")
    assert status == 0
    assert "1000 entries, 101 to 1100" in out
    assert "entries before 101 are no longer kept" in err


@pytest.mark.usefixtures("redis")
async def test_a_file_is_verified_offline(
    ledger: Ledger, clock: TestClock, unglue: Command, tmp_path: Path
) -> None:
    path, keys = tmp_path / "audit.log", tmp_path / "keys"
    await some(ledger, clock)
    await chain(ledger, clock, path)
    keys.write_text("\n".join(SECRETS) + "\n")
    entries = in_file(path)
    status, out, err = unglue("audit", "verify", path)
    assert (status, "valid: 4 entries" in out) == (0, True)
    assert "--expect-head" in err
    assert unglue("audit", "verify", path, "--online")[0] == 0
    assert unglue("audit", "verify", path, "--keys-file", keys)[0] == 0
    found = json.loads(unglue("audit", "verify", path, "--json")[1])
    assert (found["whole"], found["head"]["hash"]) == (True, entries[-1]["hash"])

    first, second = tmp_path / "audit.log.1", tmp_path / "audit.log.2"
    lines = path.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:2]))
    second.write_bytes(b"".join(lines[2:]))
    assert unglue("audit", "verify", first, second)[0] == 0
    head = f"2:{entries[1]['hash']}"
    assert unglue("audit", "verify", second, "--continues", head)[0] == 0
    status, out, _ = unglue("audit", "verify", second)
    assert status == 1
    assert f"{second}, line 1: entry 3: 1 to 2 miss" in out
    assert unglue("audit", "verify", first, "--expect-head", head)[0] == 0

    keys.write_text("of somebody else\n")
    assert unglue("audit", "verify", path, "--keys-file", keys)[0] == 1
    path.write_bytes(b"".join(lines).replace(b'"bob"', b'"eve"'))
    status, out, _ = unglue("audit", "verify", path)
    assert status == 1
    assert f"{path}, line 4: entry 4: its content does not match its hash" in out


@pytest.mark.usefixtures("redis")
async def test_a_file_that_lost_its_end_is_found_online(
    ledger: Ledger,
    clock: TestClock,
    unglue: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.commands.audit._LOOK_SECONDS", 0)
    path = tmp_path / "audit.log"
    await some(ledger, clock)
    await chain(ledger, clock, path)
    lines = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, len(b"".join(lines[:3])))
    assert unglue("audit", "verify", path)[0] == 0
    status, out, _ = unglue("audit", "verify", path, "--online")
    assert status == 1
    assert "entry 4 was expected and is missing: it ends at entry 3" in out
    path.write_bytes(b"".join(lines)[:-1])
    assert unglue("audit", "verify", path)[0] == 1


def test_options_that_mean_nothing_are_refused(unglue: Command, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(line + b"\n" for line in written(chained(decisions(2), KEYS))))
    assert unglue("audit", "verify", "--online")[0] == 2
    assert unglue("audit", "verify", path, "--expect-head", "x")[0] == 2
    assert unglue("audit", "verify", tmp_path / "none")[0] == 2


@pytest.mark.usefixtures("redis")
async def test_the_result_has_the_head(service: Service, ledger: Ledger, clock: TestClock) -> None:
    first = service.ask({"org_id": "301", "confirm_delete": True}).json()["id"]
    await chain(ledger, clock)
    head = head_at(await logged(ledger))
    held = await ledger.deletions.lease(first, clock.forward(days=900))
    assert held is not None
    await ledger.deletions.record(held, Change(state="deleted"), clock())
    await chain(ledger, clock)
    assert len(await logged(ledger)) > head.seq
    expected = {"seq": head.seq, "hash": head.hash}
    assert result_of(await ledger.deletions.get(first))["details"]["audit_head"] == expected
    shown = service.call("GET", f"/v1/deletions/{first}").json()
    assert shown["result"]["details"]["audit_head"] == expected
