"""What is logged: the parts of an `unglue up` share one file, and a line must stay whole."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from service.supervision.logs import configure_logs


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
    configure_logs()
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_a_line_is_one_write(written: Written) -> None:
    structlog.get_logger().info("ours", number=1)
    logging.getLogger("theirs").warning("a library's")
    assert [json.loads(text)["event"] for text in written.writes] == ["ours", "a library's"]
    assert all(text.endswith("\n") for text in written.writes)
