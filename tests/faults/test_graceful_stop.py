"""SIGTERM, once and again, idle and busy: what was begun is finished or handed over."""

import hashlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.test_storage_down import until
from tests.support.failing_valkey import FailingValkey
from tests.support.part import Part, part

# More than the first signal's own second, so that the second one counts.
A_MOMENT = 1.1


@pytest.fixture
def settings(valkey: FailingValkey) -> dict[str, str]:
    return {"UNGLUE_REDIS_URL": valkey.url, "UNGLUE_WORKER__REQUEUE_AFTER": "1s"}


@pytest.fixture
def busy(valkey: FailingValkey, settings: dict[str, str], tmp_path: Path) -> Iterator[Part]:
    """A worker in the middle of a job."""
    with ExitStack() as stack:
        slow = "tests.support.slow_worker"
        worker = stack.enter_context(
            part("worker", tmp_path, str(tmp_path), module=slow, **settings)
        )
        stack.enter_context(part("scheduler", tmp_path, **settings))
        # One that nobody knows: it is let go at the end of its job.
        with valkey.client() as redis:
            redis.zadd("unglue:sweeps:due", {"swp_t1": 0})
        until((tmp_path / "begun").exists)
        yield worker


def done(valkey: FailingValkey) -> bool:
    with valkey.client() as redis:
        return redis.zscore("unglue:sweeps:due", "swp_t1") is None


def test_a_busy_worker_finishes_its_job(busy: Part, valkey: FailingValkey, tmp_path: Path) -> None:
    busy.tell()
    # A supervisor may send it twice at once: that is one.
    busy.tell(signal.SIGINT)
    time.sleep(A_MOMENT)
    assert busy.runs()
    assert not done(valkey)
    (tmp_path / "go").touch()
    assert busy.ended() == 0
    assert done(valkey)


def test_a_second_signal_ends_the_job_and_another_worker_takes_it_up(
    busy: Part, valkey: FailingValkey, tmp_path: Path, settings: dict[str, str]
) -> None:
    busy.tell()
    time.sleep(A_MOMENT)
    busy.tell()
    assert busy.ended() == 1
    assert not done(valkey)
    (tmp_path / "go").touch()
    (tmp_path / "next").mkdir()
    with part("worker", tmp_path / "next", **settings):
        until(lambda: done(valkey))


def test_a_busy_one_without_redis_stops(busy: Part, valkey: FailingValkey, tmp_path: Path) -> None:
    with valkey.down():
        busy.tell()
        time.sleep(A_MOMENT)
        assert busy.runs()
        (tmp_path / "go").touch()
        assert busy.ended() == 0


@pytest.mark.parametrize("name", ["worker", "scheduler", "outbox", "serve"])
@pytest.mark.parametrize("frozen", [False, True])
def test_an_idle_part_stops_at_once(
    valkey: FailingValkey, settings: dict[str, str], tmp_path: Path, name: str, *, frozen: bool
) -> None:
    with part(name, tmp_path, **settings) as idle:
        match name:
            case "worker":
                with valkey.client() as redis:
                    until(lambda: redis.scard("rq:workers") == 1)
            case "scheduler" | "outbox":
                with valkey.client() as redis:
                    until(lambda: redis.exists(f"unglue:heartbeat:{name}") == 1)
            case _:
                idle.wait_for("serving")
        with ExitStack() as stack:
            if frozen:
                stack.enter_context(valkey.paused())
            begun = time.monotonic()
            status = idle.stop()
            took = time.monotonic() - begun
        # uvicorn ends by the signal that it was sent.
        assert status == (-signal.SIGTERM if name == "serve" else 0)
        assert took < 30
        assert "Traceback" not in idle.everything


def test_who_waits_for_the_end_hears_of_a_stop(settings: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = "a token that is long enough to be one"
    operator = {
        "UNGLUE_OPERATORS__ALICE__TOKEN_SHA256": hashlib.sha256(token.encode()).hexdigest(),
        "UNGLUE_OPERATORS__ALICE__ROLES": json.dumps(["request"]),
    }
    body = json.dumps({"org_id": "301", "confirm_delete": True}).encode()
    with part("serve", tmp_path, "--port", str(port), **settings, **operator) as service:
        until(lambda: listens(port))
        with socket.create_connection(("127.0.0.1", port)) as client:
            head = (
                "POST /v1/deletions HTTP/1.1\r\nhost: x\r\nprefer: wait=30\r\n"
                f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            client.sendall(head.encode() + body)
            service.wait_for("requested")
            begun = time.monotonic()
            service.tell()
            answer = client.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 202 "), answer
        assert b"location: /v1/deletions/del_" in answer.lower()
        service.ended()
        assert time.monotonic() - begun < 8
        assert "Traceback" not in service.everything


def test_a_service_answers_what_it_began_to_read(settings: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    body = b"{}"
    secret = "whsec_" + "A" * 32
    source = {
        "UNGLUE_SOURCES__S__VENDOR": "standard",
        "UNGLUE_SOURCES__S__CONFIRM_DELETE": "true",
        "UNGLUE_SOURCES__S__SECRETS": json.dumps([secret]),
    }
    with part("serve", tmp_path, "--port", str(port), **settings, **source) as service:
        until(lambda: listens(port))
        with socket.create_connection(("127.0.0.1", port)) as client:
            head = f"POST /webhooks/s HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body[:1])
            # The service has begun with it once it answers another one.
            until(lambda: listens(port))
            service.tell()
            until(lambda: not listens(port))
            client.sendall(body[1:])
            assert client.recv(1000).startswith(b"HTTP/1.1 401 ")
        assert service.ended() == -signal.SIGTERM


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return client.recv(1000).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False
