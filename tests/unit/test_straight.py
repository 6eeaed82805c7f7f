"""A delivery that meets a bug of ours is not left without an answer."""

from typing import Any

import pytest
from starlette.types import Message

from service.api.routes.straight import Straight


@pytest.mark.anyio
async def test_a_bug_is_answered_and_raised() -> None:
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {
        "type": "http", "method": "POST", "path": "/webhooks/cw", "headers": [],
        "state": {"service": None},
    }  # fmt: skip
    with pytest.raises(AttributeError):
        await Straight(nothing)(scope, nothing, send)
    assert sent[0]["status"] == 500
    assert b"InternalError" in sent[1]["body"]
