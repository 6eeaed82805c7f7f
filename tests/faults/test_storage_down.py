"""Redis unreachable, frozen, read-only, out of memory, loading, or with another password.

The service answers within 2 s whatever Redis does: 202 with a spool, else the status for which the
vendor sends again. It recovers by itself.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from service.demo.stand_ins import key_server
from tests.support.deletions import begun as asked_to_begin
from tests.support.failing_valkey import FailingValkey, answering_only
from tests.support.ledgers import ALWAYS, memory_of
from tests.support.serve import serve
from tests.support.service import KEY, Outside, Service, configured, only_error, running_service
from workers.intake.intake import STORAGE_SECONDS
from workers.intake.spool import spool as spool_module
from workers.ledger.deleting.deletions import Change, Conditions
from workers.ledger.events.spools import FRESH
from workers.ledger.records import Deletion
from workers.processes.runtime import open_ledger
from workers.settings import Settings
from workers.times.clock import from_ms

Fault = Callable[[FailingValkey], AbstractContextManager[None]]
FAULTS: dict[str, tuple[Fault, str]] = {
    "stopped": (lambda valkey: valkey.down(), "unreachable"),
    "killed": (lambda valkey: valkey.down(killed=True), "unreachable"),
    "frozen": (lambda valkey: valkey.paused(), "unreachable"),
    "read-only": (lambda valkey: valkey.read_only(), "read-only"),
    "no replicas": (lambda valkey: valkey.lacking_replicas(), "read-only"),
    "out of memory": (lambda valkey: valkey.out_of_memory(), "out of memory"),
    "another password": (lambda valkey: valkey.other_password(), "password"),
}
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
# What the answer may take on a machine that does other things too; the budgets are checked below.
WALL_SECONDS = 5.0
PATIENCE_SECONDS = 60.0


@pytest.fixture
def keys() -> Iterator[tuple[str, Outside]]:
    outside = Outside(key_server(KEY))
    with serve(outside) as origin:
        yield origin, outside


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def parts(service: Service) -> dict[str, str]:
    answer = service.http.get("/readyz")
    content: dict[str, Any] = answer.json()
    assert (answer.status_code == 200) == (content["status"] == "ready")
    found: dict[str, str] = content["parts"]
    return found


def in_time(answer: httpx.Response) -> httpx.Response:
    assert answer.elapsed.total_seconds() < WALL_SECONDS
    return answer


def verdicts(valkey: FailingValkey, ids: list[str]) -> list[bytes]:
    with valkey.client() as redis:
        return [redis.hget(f"unglue:delivery:{name}", "verdict") or b"" for name in ids]


def known_spools(valkey: FailingValkey) -> int:
    with valkey.client() as redis:
        return int(redis.zcard("unglue:spools"))


def took_root(valkey: FailingValkey) -> bool:
    """Whether the service knows that the ledger knows its spool: it has spoken of it again."""
    with valkey.client() as redis:
        names = [
            name.decode() for name in cast("list[bytes]", redis.zrange("unglue:spools", 0, -1))
        ]
        said = [redis.hmget(f"unglue:spool:{name}", "since", "seen_at") for name in names]
    return bool(said) and all(since != seen_at for since, seen_at in said)


def test_the_budgets_leave_an_answer_within_2_seconds() -> None:
    assert STORAGE_SECONDS + spool_module._DISK_SECONDS < 2


@pytest.mark.parametrize("fault", FAULTS)
def test_with_a_spool_it_is_202_and_drained_in_order(
    valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path, fault: str
) -> None:
    settings = configured(valkey.url, keys[0], spool_dir=str(tmp_path / "spool"))
    with running_service(settings, keys[1]) as service:
        before = service.send(service.callback(2)).json()
        assert before["reason"] == "created"
        until(lambda: took_root(valkey))
        broken, word = FAULTS[fault]
        with broken(valkey):
            answers = [
                in_time(service.send(service.callback(2, status="Active"))),
                in_time(service.send(service.callback(3))),
                in_time(service.send(service.callback(3, status="Active"))),
                in_time(service.send(service.callback(4))),
            ]
            for answer in answers:
                assert answer.status_code == 202, answer.text
                receipt = answer.json()
                assert receipt.pop("delivery_id").startswith("dlv_")
                assert receipt == {"verdict": "accepted", "deletion_id": None, "reason": "spooled"}
            only_error(in_time(service.send(b"{}")), 401, "SignatureInvalid")
            shown = parts(service)
            assert (shown["redis"], shown["spool"]) == (word, "4 waiting")
            listed = in_time(service.call("GET", "/v1/deliveries"))
            if word in {"unreachable", "password"}:
                only_error(listed, 503, "StorageUnavailable")
        until(lambda: parts(service).get("spool") == "ok")
        ids = [answer.json()["delivery_id"] for answer in answers]
        assert verdicts(valkey, ids) == [b"cancelled", b"accepted", b"cancelled", b"accepted"]
        after = service.send(service.callback(5)).json()
        assert after["reason"] == "created"
        deletion = service.call("GET", f"/v1/deletions/{before['deletion_id']}").json()
        assert deletion["state"] == "cancelled"


@pytest.mark.parametrize("fault", FAULTS)
def test_without_one_it_is_503(
    valkey: FailingValkey, keys: tuple[str, Outside], fault: str
) -> None:
    with running_service(configured(valkey.url, keys[0]), keys[1]) as service:
        body = service.callback(2)
        broken, word = FAULTS[fault]
        with broken(valkey):
            answer = in_time(service.send(body))
            only_error(answer, 429, "StorageUnavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert parts(service)["redis"] == word
            asked = in_time(service.ask({"org_id": "5", "confirm_delete": True}))
            only_error(asked, 503, "StorageUnavailable")
        until(lambda: service.send(body).status_code == 202)
        assert service.send(body).json()["verdict"] == "duplicate"
        assert parts(service)["redis"] == "ok"


def test_one_that_loads(keys: tuple[str, Outside], tmp_path: Path) -> None:
    with answering_only(LOADING) as url:
        with running_service(configured(url, keys[0]), keys[1]) as service:
            only_error(in_time(service.send(service.callback())), 429, "StorageUnavailable")
            assert parts(service)["redis"] == "loading"
        spooling = configured(url, keys[0], spool_dir=str(tmp_path))
        with running_service(spooling, keys[1]) as service:
            assert in_time(service.send(service.callback())).json()["reason"] == "spooled"
            # The ledger never heard of this spool: what comes back may not hide in it.
            refused = in_time(service.send(service.callback(status="Active")))
            only_error(refused, 429, "StorageUnavailable")


def test_a_full_spool(valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path) -> None:
    settings = configured(
        valkey.url, keys[0], spool_dir=str(tmp_path / "spool"), spool_max_bytes=3000
    )
    with running_service(settings, keys[1]) as service:
        with valkey.down():
            answers = [in_time(service.send(service.callback(number))) for number in range(2, 8)]
            statuses = [answer.status_code for answer in answers]
            assert statuses == sorted(statuses)
            assert set(statuses) == {202, 429}
            assert "full" in only_error(answers[-1], 429, "StorageUnavailable")
            kept = [answer.json()["delivery_id"] for answer in answers if answer.status_code == 202]
        until(lambda: parts(service).get("spool") == "ok")
        assert verdicts(valkey, kept) == [b"accepted"] * len(kept)


def test_an_unusable_one(valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = configured(valkey.url, keys[0], spool_dir=str(tmp_path / "file" / "spool"))
    with running_service(settings, keys[1]) as service:
        assert parts(service)["spool"] == "unusable: see the log"
        assert service.send(service.callback()).status_code == 202
        with valkey.down():
            only_error(in_time(service.send(service.callback())), 429, "StorageUnavailable")


def test_what_a_dead_service_left_is_drained_by_the_next_of_its_folder(
    valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path
) -> None:
    settings = configured(valkey.url, keys[0], spool_dir=str(tmp_path))
    ids = []
    valkey.stop()
    for number in (2, 3):
        # Each ends while Redis is away, and leaves its file.
        with running_service(settings, keys[1]) as service:
            ids.append(in_time(service.send(service.callback(number))).json()["delivery_id"])
    valkey.start()
    with running_service(settings, keys[1]) as service:
        until(lambda: parts(service).get("spool") == "ok")
        assert verdicts(valkey, ids) == [b"accepted", b"accepted"]
        assert known_spools(valkey) == 1
    assert known_spools(valkey) == 0
    # What the folder knows of the ledger stays; nothing that was set aside does.
    assert [path.name for path in tmp_path.iterdir()] == ["ledger-witness.json"]


def test_redis_keeps_202s(valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path) -> None:
    """Killed and started again and again, while deliveries come."""
    settings = configured(
        valkey.url, keys[0], spool_dir=str(tmp_path / "spool"), durability="fsync"
    )
    ids = []
    with running_service(settings, keys[1]) as service:
        until(lambda: took_root(valkey))
        for number in range(4):
            ids += [service.send(service.callback(10 * number + 2)).json()["delivery_id"]]
            with valkey.down(killed=True):
                ids += [service.send(service.callback(10 * number + 3)).json()["delivery_id"]]
            ids += [service.send(service.callback(10 * number + 4)).json()["delivery_id"]]
        until(lambda: parts(service).get("spool") == "ok")
    with valkey.client() as redis:
        assert redis.zcard("unglue:deliveries") == redis.zcard("unglue:deletions") == len(ids)
    assert verdicts(valkey, ids) == [b"accepted"] * len(ids)


def held_long(url: str) -> Settings:
    """A lease outlasts a restart of the server, however busy the machine."""
    return configured(url, worker={"lease": "2m"})


async def planned(url: str, deletion_id: str) -> tuple[Deletion, int, datetime]:
    """A deletion in the hands of a worker that is about to ask for its DELETE, and when that is."""
    async with open_ledger(held_long(url)) as ledger:
        held = await ledger.deletions.lease(deletion_id, datetime.now(UTC))
        assert held is not None
        account = cast("dict[bytes, bytes]", await ledger.store.redis.hgetall("unglue:account"))
        bound = {name.decode(): value.decode() for name, value in account.items()}
        fields = {"step": "delete", "plan_digest": "d", "plan_account": json.dumps(bound)}
        change = Change(state="running", fields=fields)
        held = await ledger.deletions.record(held, change, datetime.now(UTC))
        return held, await ledger.store.server_ms(), datetime.now(UTC)


async def begun(url: str, held: Deletion, asked: int, now: datetime) -> str:
    """What the worker is answered that asked then."""
    async with open_ledger(held_long(url)) as ledger:
        remembered = await memory_of(ledger.store.redis)
        ledger.store.memory.remember(remembered.id, remembered.mark)
        in_force = cast("bytes", await ledger.store.redis.hget("unglue:in_force", "digest"))
        conditions = Conditions(asked=asked, configuration=in_force.decode())
        answer = await asked_to_begin(ledger, held, now, conditions=conditions)
    return answer.decision


def test_dead_disks_hold(valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path) -> None:
    settings = configured(valkey.url, keys[0], spool_dir=str(tmp_path))
    with running_service(settings, keys[1]) as service:
        deletion_id = service.send(service.callback(2)).json()["deletion_id"]
        until(lambda: took_root(valkey))
        valkey.stop()
        back = in_time(service.send(service.callback(2, status="Active")))
        assert back.json()["reason"] == "spooled"
    valkey.start()
    all_looked(valkey)
    until(lambda: not fresh(valkey))
    worker = asyncio.run(planned(valkey.url, deletion_id))
    assert asyncio.run(begun(valkey.url, *worker)) == "unspooled"
    with running_service(settings, keys[1]) as service:
        shown = f"/v1/deletions/{deletion_id}"
        until(lambda: service.call("GET", shown).json()["state"] == "cancelled")


def test_a_late_question(valkey: FailingValkey, keys: tuple[str, Outside], tmp_path: Path) -> None:
    """A worker's question is repeated until Redis is back, and a client came back meanwhile."""
    settings = configured(valkey.url, keys[0], spool_dir=str(tmp_path))
    with running_service(settings, keys[1]) as service:
        deletion_id = service.send(service.callback(2)).json()["deletion_id"]
        until(lambda: took_root(valkey) and fresh(valkey))
        worker = asyncio.run(planned(valkey.url, deletion_id))
        valkey.stop()
        until(lambda: datetime.now(UTC) - worker[2] > FRESH)
        back = in_time(service.send(service.callback(2, status="Active")))
        assert back.json()["reason"] == "spooled"
    valkey.start()
    all_looked(valkey)
    assert asyncio.run(begun(valkey.url, *worker)) == "unspooled"


def all_looked(valkey: FailingValkey) -> None:
    """What is asked of a server that was just started is asked elsewhere."""
    with valkey.client() as redis:
        start = redis.info("server")["run_id"]
        seen: Any = {"server": start, "server_at": 0, "heard_at": ALWAYS}
        redis.hset("unglue:ledger", mapping=seen)


def fresh(valkey: FailingValkey) -> bool:
    """Whether the spool's last word still counts."""
    with valkey.client() as redis:
        ((_, empty_at),) = cast(
            "list[tuple[bytes, float]]", redis.zrange("unglue:spools", 0, -1, withscores=True)
        )
    return datetime.now(UTC) - from_ms(empty_at) <= FRESH
