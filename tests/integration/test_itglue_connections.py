"""The connections to IT Glue: used again, never when broken, and cheap however many there are."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import pytest

from tests.integration.itglue_loopback import KEY
from workers.itglue.http.failures import CallFailed
from workers.itglue.http.transport import Pool, Transport

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Server:
    """Keeps connections open; `asked` has the number of the connection of each request."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[int] = []
        self.open: list[asyncio.StreamWriter] = []
        self.replies: list[bytes] = []
        self.hangs_up = True
        self.heard = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        number = len(self.open)
        while line := await reader.readline():
            if line != b"\r\n":
                continue
            self.asked.append(number)
            self.heard.set()
            reply = self.replies.pop(0) if self.replies else _ANSWER
            writer.write(reply)
            if reply is not _ANSWER and self.hangs_up:
                break
        writer.close()


@asynccontextmanager
async def _serving() -> AsyncIterator[tuple[_Server, Transport]]:
    server = _Server()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, Pool(base_url=server.url, api_key=KEY, in_flight=64) as pool:
        yield server, Transport(pool)


async def _ask(transport: Transport, times: int) -> None:
    await asyncio.gather(*(transport.exchange("GET", "/") for _ in range(times)))


async def test_connections_are_used_again() -> None:
    async with _serving() as (server, transport):
        await _ask(transport, 8)
        for _ in range(3):
            await _ask(transport, 1)
        assert len(server.open) == 8
        assert len(set(server.asked[8:])) == 1
        await _ask(transport, 8)
        assert len(server.open) == 8


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"?\r\n"]
)
async def test_a_connection_that_broke_is_not_used_again(reply: bytes) -> None:
    async with _serving() as (server, transport):
        server.replies = [reply]
        with pytest.raises(CallFailed):
            await _ask(transport, 1)
        await _ask(transport, 1)
        await _ask(transport, 1)
        assert server.asked == [1, 2, 2]


async def test_a_connection_whose_peer_hung_up_is_not_used_again() -> None:
    async with _serving() as (server, transport):
        await _ask(transport, 1)
        server.open[0].close()
        await server.open[0].wait_closed()
        await _ask(transport, 1)
        assert server.asked == [1, 2]


async def test_who_gives_up_waiting_leaves_no_connection_behind() -> None:
    async with _serving() as (server, transport):
        server.replies = [b""]
        server.hangs_up = False
        asking = asyncio.create_task(_ask(transport, 1))
        await server.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await _ask(transport, 1)
        assert server.asked == [1, 2]


async def test_a_request_costs_the_same_beside_many_idle_connections() -> None:
    async def calls() -> int:
        count = 0

        def counted(frame: FrameType, event: str, _: object) -> None:
            nonlocal count
            count += event == "call" and "/httpcore/" in frame.f_code.co_filename

        sys.setprofile(counted)
        try:
            await _ask(transport, 1)
        finally:
            sys.setprofile(None)
        return count

    async with _serving() as (_, transport):
        await _ask(transport, 1)
        alone = await calls()
        await _ask(transport, 40)
        assert 0 < await calls() <= 1.2 * alone


async def test_the_proxy_that_the_environment_names_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with _serving() as (server, _):
        monkeypatch.setenv("HTTP_PROXY", server.url)
        async with Pool(base_url="http://itglue.example", api_key=KEY) as pool:
            await _ask(Transport(pool), 1)
        assert server.asked == [1]
