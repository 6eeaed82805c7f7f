"""deploy/redis/users.acl: each part has the rights that its work needs, and no more."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.support.failing_valkey import FailingValkey, own_valkey
from tests.support.plant.crowd import Crowd
from tests.support.plant.plant import TOKEN, plant
from tests.support.valkey import confirms

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "redis" / "users.acl"
PARTS = ("service", "scheduler", "worker", "dashboard")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailingValkey]:
    """A server with these users, and one that the test itself may be."""
    users = FILE.read_text().replace("user default off", "user default on nopass ~* &* +@all")
    if not confirms():
        # As the page says for servers before 7.2, which do not know them.
        users = users.replace(" +waitaof", "").replace(" +client|setinfo", "")
    place = tmp_path_factory.mktemp("redis") / "users.acl"
    place.write_text(users)
    with own_valkey(aclfile=str(place)) as made:
        yield made


def url(server: FailingValkey, part: str) -> str:
    return f"redis://unglue-{part}:CHANGE-ME-{part}@127.0.0.1:{server.port}/0"


def test_a_deletion_goes_its_way_by_them(server: FailingValkey) -> None:
    urls = {part: url(server, part) for part in PARTS} | {"outbox": url(server, "worker")}
    with plant(
        Crowd(size=5),
        redis_url=f"redis://127.0.0.1:{server.port}/0",
        redis_urls=urls,
        variables={"UNGLUE_DASHBOARD_REDIS_URL": urls["dashboard"]},
    ) as it:
        it.start_all()
        done = it.send()
        assert it.ended(done).state == "deleted"
        stopped = it.api("POST", "/v1/pause", reason="to see that it can")
        assert stopped.status_code == 200, stopped.text
        shown = httpx.get(f"{it.service}/rq/0/data/queues.json", auth=("alice", TOKEN))
        assert shown.status_code == 200, shown.text
        assert "unglue" in shown.text
        assert it.http.get(f"{it.service}/readyz").json()["parts"]["redis"] == "ok"
        it.quiet()
    with server.client() as redis:
        # Nobody may ask how the server is set up; everything else was theirs to do.
        refused: list[Mapping[str, Any]] = redis.acl_log()
        assert {each["object"] for each in refused} <= {"config|get"}, refused


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG SET appendonly no", "CONFIG GET appendfsync",
        "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "ACL LIST", "MONITOR", "EVAL x 0",
        "SCRIPT FLUSH", "FUNCTION LIST", "SAVE", "SET other:key 1", "GET other:key",
    ],
)  # fmt: skip
def test_what_nobody_may(server: FailingValkey, part: str, command: str) -> None:
    with Redis.from_url(url(server, part)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command.split())


@pytest.mark.parametrize(
    "command", ["SET unglue:x 1", "GET unglue:x", "RPUSH rq:queue:unglue x", "DEL rq:queues"]
)
def test_the_dashboard_only_reads_what_is_rqs(server: FailingValkey, command: str) -> None:
    with Redis.from_url(url(server, "dashboard")) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command.split())


@pytest.mark.parametrize("part", ["service", "scheduler"])
def test_only_workers_touch_the_books_of_workers(server: FailingValkey, part: str) -> None:
    with Redis.from_url(url(server, part)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command("HSET", "rq:worker:x", "state", "idle")


def test_every_command_of_a_script_is_allowed_to_whoever_runs_it() -> None:
    scripts = (ROOT / "workers" / "ledger" / "scripts").glob("*.lua")
    used = {
        name.lower()
        for script in scripts
        for name in re.findall(r"redis\.p?call\('(\w+)'", script.read_text())
    }
    for line in FILE.read_text().splitlines():
        if line.startswith(tuple(f"user unglue-{part}" for part in PARTS[:3])):
            assert used <= set(re.findall(r"\+(\S+)", line)), line.split()[1]
