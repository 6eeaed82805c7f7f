"""Several processes that answer on one socket, as one service."""

import os
import signal
import time
from pathlib import Path

import httpx
import pytest
import redis

from service.demo.installation import free_ports
from tests.support.part import Part, part
from tests.support.service import NOBODY


def answers(url: str) -> bool:
    """Whether somebody does, asked over a connection of its own."""
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def eventually(look: object, running: Part) -> None:
    deadline = time.monotonic() + 60
    while not look():  # type: ignore[operator]
        assert time.monotonic() < deadline, running.everything
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("how", ["told to stop", "one dies", "the parent dies"])
def test_they_live_and_end_together(valkey_url: str, tmp_path: Path, how: str) -> None:
    with redis.Redis.from_url(valkey_url) as server:
        # The file before may have left a ledger of another account, which refuses this one.
        server.flushall()
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    known = {"UNGLUE_REDIS_URL": valkey_url, "UNGLUE_ITGLUE__BASE_URL": NOBODY}
    arguments = ("--port", str(port), "--processes", "2")
    with part("serve", tmp_path, *arguments, **known) as running:
        eventually(lambda: answers(url), running)
        both = children(running.process.pid)
        assert len(both) == 2
        assert all(answers(url) for _ in range(20))
        match how:
            case "told to stop":
                assert running.stop() == 0
            case "one dies":
                os.kill(both[0], signal.SIGKILL)
                assert running.ended() != 0
                assert running.said("part_ended")[0]["pid"] == both[0]
            case _:
                running.tell(signal.SIGKILL)
        # Nobody is left who holds the port.
        eventually(lambda: not answers(url), running)
