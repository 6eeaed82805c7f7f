"""What is logged: the parts of an `unglue up` share one file, and a line must stay whole."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import structlog
from starlette.types import Receive, Scope, Send

from service.supervision.logs import BoundIds, configure_logs
from workers.processes import jobs


class Written(io.StringIO):
    """Notes each write, of which only one is sure not to be divided."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = Written()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs("worker")
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_a_line_is_one_write(written: Written) -> None:
    structlog.get_logger().info("ours", number=1)
    logging.getLogger("theirs").warning("a library's")
    assert [json.loads(text)["event"] for text in written.writes] == ["ours", "a library's"]
    assert all(text.endswith("\n") for text in written.writes)


def lines(written: Written) -> list[dict[str, Any]]:
    return [json.loads(text) for text in written.writes]


def test_each_line_names_the_part_unless_it_names_one_itself(written: Written) -> None:
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").warning("a library's")
    with structlog.contextvars.bound_contextvars(part="outbox"):
        structlog.get_logger().info("a fork's")
    structlog.get_logger().info("configuration", part="service")
    assert [line["part"] for line in lines(written)] == ["worker", "worker", "outbox", "service"]


def test_a_traceback_is_a_field_without_the_values_of_variables(written: Written) -> None:
    def fail(secret: str) -> None:
        raise ValueError("it failed" if secret else "")

    for log in (structlog.get_logger(), logging.getLogger("theirs")):
        try:
            fail("whsec_known_to_nobody")
        except ValueError:
            log.exception("not_done")
    for line in lines(written):
        assert line["event"] == "not_done"
        (raised,) = line["exception"]
        assert (raised["exc_type"], raised["exc_value"]) == ("ValueError", "it failed")
        assert raised["frames"][-1]["name"] == "fail"
    assert "whsec" not in written.getvalue()


def test_a_librarys_traceback_is_cut(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test may have started RQ, which sets this logger up for itself.
    logger = logging.getLogger("rq.worker")
    for name, fresh in (("level", 0), ("propagate", True), ("disabled", False)):
        monkeypatch.setattr(logger, name, fresh)
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "filters", [])
    logger.manager._clear_cache()  # type: ignore[attr-defined] # whether a level is enabled
    said = "Worker w: job j: exception raised"
    traceback = "Traceback (most recent call last):\n  File x\nValueError: no"
    logging.getLogger("rq.worker").error("%s\n%s", said, traceback)
    logging.getLogger("rq.worker").error("two\nlines")
    first, second = lines(written)
    assert (first["event"], first["traceback"]) == (said, traceback)
    assert (second["event"], "traceback" in second) == ("two\nlines", False)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/v1/deletions/del_7f/approve", {"deletion_id": "del_7f"}),
        ("/v1/deliveries/dlv_7f", {"delivery_id": "dlv_7f"}),
        ("/v1/sweeps/swp_1", {"sweep_id": "swp_1"}),
        ("/v1/deletions", {}),
        ("/v1/deletions/del_7f\n{}", {}),
        ("/v1/deletions/del_" + "a" * 101, {}),
    ],
)
async def test_a_request_names_its_record(written: Written, path: str, ids: dict[str, str]) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        structlog.get_logger().info("during")

    def never() -> NoReturn:
        raise AssertionError

    await BoundIds(app)({"type": "http", "path": path}, never, never)  # type: ignore[arg-type]
    structlog.get_logger().info("afterwards")
    during, afterwards = ({key: line[key] for key in line if key.endswith("_id")}
                          for line in lines(written))  # fmt: skip
    assert (during, afterwards) == (ids, {})


async def test_a_job_is_logged_with_its_record(written: Written) -> None:
    @jobs._about("deletion_id")
    async def job(_record_id: str) -> None:
        structlog.get_logger().info("during")

    await job("del_1")
    structlog.get_logger().info("afterwards")
    assert [line.get("deletion_id") for line in lines(written)] == ["del_1", None]
    known = (jobs.advance_deletion, jobs.verify_delivery, jobs.run_sweep, jobs.run_replay)
    assert all(hasattr(each, "__wrapped__") for each in known)
