"""What strangers send at once has a bound, and small events get through all the same."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from adapters.errors import PayloadTooLarge, TooManyAttempts
from service.api.body_limit import FREE, MAX_BODY, BodyLimit

MOST = 4 * FREE


class Sender:
    """A request whose body comes in two pieces; the second one when it is let."""

    def __init__(self, first: int, second: int = 0) -> None:
        self.pieces: Iterator[bytes] = iter((b"x" * first, b"x" * second))
        self.first_read, self.go_on = asyncio.Event(), asyncio.Event()
        self.read = 0

    async def receive(self) -> Message:
        body = next(self.pieces)
        return {"type": "http.request", "body": body, "more_body": True}


async def _reads(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads two pieces."""
    del send
    sender: Sender = scope["sender"]
    sender.read += len((await receive())["body"])
    sender.first_read.set()
    await sender.go_on.wait()
    sender.read += len((await receive())["body"])


async def _send(message: Message) -> None:
    raise AssertionError(message)


def sent(limit: BodyLimit, sender: Sender) -> asyncio.Task[None]:
    scope = {"type": "http", "headers": [], "sender": sender}
    return asyncio.create_task(limit(scope, sender.receive, _send))


@pytest.mark.anyio
async def test_all_at_once_have_a_bound() -> None:
    limit = BodyLimit(_reads, MOST)
    large = [Sender(3 * FREE, FREE) for _ in range(3)]
    tasks = [sent(limit, each) for each in large]
    with pytest.raises(TooManyAttempts) as refused:
        await asyncio.wait_for(tasks[2], 5)
    assert (refused.value.http_status, refused.value.retry_after) == (429, 2)
    # Every vendor's event is small, and is let in however much others send.
    small = Sender(FREE)
    small.go_on.set()
    await sent(limit, small)
    assert small.read == FREE
    # What was read is given back with its request, and whoever sends again gets in.
    large[0].go_on.set()
    with pytest.raises(TooManyAttempts):
        await tasks[0]
    again = Sender(2 * FREE, FREE)
    again.go_on.set()
    await sent(limit, again)
    assert again.read == 3 * FREE
    large[1].go_on.set()
    await tasks[1]
    last = Sender(5 * FREE)
    last.go_on.set()
    await sent(limit, last)
    assert last.read == 5 * FREE


@pytest.mark.anyio
async def test_one_has_a_bound_too() -> None:
    sender = Sender(MAX_BODY, 1)
    sender.go_on.set()
    with pytest.raises(PayloadTooLarge):
        await sent(BodyLimit(_reads), sender)
