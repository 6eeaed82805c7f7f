"""`unglue up` beside another one, after one that was killed, and on a port that is taken."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from service.supervision import embedded
from tests.support.part import Part, part
from tests.support.plant.plant import eventually


@pytest.fixture
def folder() -> Iterator[str]:
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="unglue-") as name:
        yield name


def refused(up: Part, status: int, *words: str) -> None:
    assert up.ended() == status
    for word in words:
        assert word in up.everything
    assert "Traceback" not in up.everything


def test_a_second_one_on_the_same_data_names_the_first(tmp_path: Path, folder: str) -> None:
    (tmp_path / "other").mkdir()
    with part("up", tmp_path, "--data-dir", folder) as first:
        first.wait_for("working")
        with part("up", tmp_path / "other", "--data-dir", folder) as second:
            refused(second, 2, f"in use by another unglue up (pid {first.process.pid})")
        assert second.said("started") == []
        assert first.stop() == 0


def test_a_server_that_was_left_over_is_ended(tmp_path: Path, folder: str) -> None:
    """The supervisor and the server's own parent were killed outright."""
    with part("up", tmp_path, "--data-dir", folder) as up:
        up.wait_for("working")
        with Redis.from_url(embedded.url(Path(folder))) as redis:
            redis.set("kept", "yes")
            server = int(redis.info("server")["process_id"])
        parents = [each["pid"] for each in up.said("started")]
        up.tell(signal.SIGKILL)
        for pid in parents:
            os.killpg(pid, signal.SIGKILL) if pid != parents[0] else os.kill(pid, signal.SIGKILL)
    os.kill(server, 0)  # it runs
    with part("up", tmp_path, "--data-dir", folder) as again:
        again.wait_for("working")
        assert again.said("ending_left_over_server") != []
        with Redis.from_url(embedded.url(Path(folder))) as redis:
            assert redis.get("kept") == b"yes"
            assert int(redis.info("server")["process_id"]) != server
        assert again.stop() == 0
    eventually(lambda: not Path(f"/proc/{server}").exists(), "the old server is gone")


def test_a_port_that_stays_taken_ends_it(tmp_path: Path, folder: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with part("up", tmp_path, "--data-dir", folder, "--port", str(port)) as up:
            refused(up, 1, f"cannot listen on 127.0.0.1:{port}", "another --port")
            assert up.said("serving") == []


def test_a_directory_that_others_may_read_is_made_private(tmp_path: Path, folder: str) -> None:
    Path(folder).chmod(0o755)
    with part("up", tmp_path, "--data-dir", folder) as up:
        up.wait_for("working")
        modes = {
            path: path.stat().st_mode & 0o077 for path in [Path(folder), *Path(folder).rglob("*")]
        }
        assert set(modes.values()) == {0}, modes
        assert up.stop() == 0
