"""What a stranger can send, and how long it is waited for, has an end: over raw sockets."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from service.api.app import create_app
from service.api.bounded_http import bounded
from service.api.connections import Bounds, Connections
from tests.support.serve import serve
from tests.support.service import configured

SHORT = Bounds(
    head_seconds=0.4, body_seconds=0.4, idle_seconds=0.3, unread_seconds=0.4, leaving_seconds=0.2
)
# Long enough that whoever reaches it was not ended by the clock.
LONG = Bounds(leaving_seconds=0.2)
HEAD = b"POST /echo HTTP/1.1\r\nhost: x\r\n"
LENGTH = 32 * 1024 * 1024
GET = b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"body": body.decode(), "headers": sorted(request.headers.keys())})


async def early(_request: Request) -> Response:
    return JSONResponse("read nothing")


async def long(_request: Request) -> Response:
    return Response(b"x" * LENGTH)


async def slow(_request: Request) -> Response:
    await asyncio.sleep(0.8)
    return JSONResponse("slow")


def app() -> Starlette:
    methods = ["GET", "HEAD", "POST"]
    routes = [
        Route(f"/{each.__name__}", each, methods=methods) for each in (echo, early, long, slow)
    ]
    return Starlette(routes=routes)


class Peer:
    """A raw connection."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=10, source_address=(source, 0)
        )

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        received = b""
        while True:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                return received
            if not part:
                return received
            received += part

    def answer(self) -> tuple[int, Any]:
        """One answer with a length."""
        received = b""
        while b"\r\n\r\n" not in received:
            part = self.socket.recv(65536)
            assert part, received
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += self.socket.recv(65536)
        return int(head.split()[1]), json.loads(body)


class Served:
    """A service with these bounds."""

    def __init__(self, port: int, connections: Connections, stack: ExitStack) -> None:
        self.port, self.connections, self._stack = port, connections, stack

    def peer(self, source: str = "127.0.0.1") -> Peer:
        peer = Peer(self.port, source)
        self._stack.callback(peer.socket.close)
        return peer


@contextmanager
def serving(
    bounds: Bounds, *, trusted: tuple[str, ...] = (), of: Starlette | None = None
) -> Iterator[Served]:
    connections = Connections(bounds, trusted)
    with (
        ExitStack() as stack,
        serve(of or app(), http=bounded(connections), ws="none") as url,
        stack,
    ):
        yield Served(int(url.rsplit(":", 1)[1]), connections, stack)


def refused(answer: bytes, status: int) -> str:
    """The message of a refusal in the form of every error, after which the connection ends."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"connection: close" in head
    (error,) = json.loads(body)["errors"]
    assert error.keys() == {"code", "message", "timestamp"}
    return str(error["code"])


def test_an_ordinary_request_and_the_next_one_on_its_connection() -> None:
    with serving(LONG) as served:
        peer = served.peer()
        for text in (b"one", b"two"):
            peer.send(HEAD, b"content-length: 3\r\n", b"\r\n", text)
            assert peer.answer()[1]["body"] == text.decode()


def test_an_answer_of_known_length_is_one_segment() -> None:
    with serving(LONG) as served:
        peer = served.peer()
        peer.send(HEAD, b"content-length: 3\r\n\r\none")
        assert peer.socket.recv(65536).endswith(b"}")
        peer.send(b"HEAD /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        assert peer.socket.recv(65536).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"a" * (33 * 1024),
        b"".join(b"x%d: a\r\n" % number for number in range(101)),
        b"".join(b"x%d: a\r\n" % number for number in range(200_000)),
    ],
    ids=["one long field", "many fields", "endless"],
)
def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    with serving(LONG) as served:
        peer = served.peer()
        try:
            peer.send(HEAD, head)
        except (BrokenPipeError, ConnectionResetError):
            return
        answer = peer.rest()
        # Of one that never stops sending the answer may be lost with the connection.
        assert (len(head) > 100_000 and not answer) or refused(answer, 431) == "HeadTooLarge"


def test_a_head_is_refused_before_it_is_whole_and_nothing_more_is_kept() -> None:
    with serving(replace(LONG, head_bytes=1000)) as served:
        peer = served.peer()
        peer.send(b"GET /echo HTTP/1.1\r\nx: " + b"a" * 960)
        time.sleep(0.1)
        peer.send(b"a" * 30)
        assert refused(peer.rest(), 431) == "HeadTooLarge"


def test_a_head_of_just_the_size_is_read() -> None:
    with serving(replace(LONG, head_bytes=1000)) as served:
        peer = served.peer()
        start, end = b"GET /echo HTTP/1.1\r\nhost: x\r\nx: ", b"\r\n\r\n"
        for size, status in ((1000, 200), (1000, 200), (1001, 431)):
            peer.send(start + b"a" * (size - len(start) - len(end)) + end)
            assert peer.answer()[0] == status


def test_fields_of_a_trailer_do_not_pass_for_those_of_the_head() -> None:
    with serving(LONG) as served:
        peer = served.peer()
        peer.send(HEAD, b"transfer-encoding: chunked\r\n\r\n", b"2\r\n{}\r\n0\r\nx-sig: a\r\n\r\n")
        status, content = peer.answer()
        assert status == 200
        assert content == {"body": "{}", "headers": ["host", "transfer-encoding"]}


@pytest.mark.parametrize("body", [b"", b'{"a":1}', b"b" * 100_000])
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_an_upgrade_is_ignored_and_the_body_is_read(body: bytes, upgrade: bytes) -> None:
    asked = (
        b"connection: Upgrade, HTTP2-Settings\r\nupgrade: %s\r\nhttp2-settings: AAM\r\n" % upgrade
    )
    with serving(LONG) as served:
        peer = served.peer()
        for _ in range(2):
            peer.send(HEAD, asked, b"content-length: %d\r\n\r\n" % len(body), body)
            status, content = peer.answer()
            assert (status, content["body"]) == (200, body.decode())
        peer.send(HEAD, asked, b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        assert peer.answer()[1]["body"] == "{}"


CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
TRAILER = CHUNKED + b"2\r\n{}\r\n0\r\n"
UPGRADE = HEAD + b"connection: upgrade\r\nupgrade: h2c\r\n"
REFUSED = {
    "a long URL": (b"GET /" + b"a" * 9000, 414, "UriTooLong"),
    "a trailer of one field": (TRAILER + b"x: " + b"a" * 20_000, 431, "HeadTooLarge"),
    "a trailer of many": (
        TRAILER + b"".join(b"x%d: a\r\n" % number for number in range(5000)), 431, "HeadTooLarge",
    ),
    "an extension of a chunk": (CHUNKED + b"2;" + b"a" * 20_000, 431, "HeadTooLarge"),
    "connect": (b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "InvalidRequest"),
    "h2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "InvalidRequest"),
    "tls": (b"\x16\x03\x01\x02\x00\x01", 400, "InvalidRequest"),
    "two framings": (
        HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400, "InvalidRequest",
    ),
    "two lengths": (
        UPGRADE + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "InvalidRequest",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_too_large_or_not_http_ends_the_connection(sent: bytes, status: int, code: str) -> None:
    with serving(LONG) as served:
        peer = served.peer()
        peer.send(sent)
        assert refused(peer.rest(), status) == code


def test_who_says_nothing_is_ended_without_a_word() -> None:
    with serving(SHORT) as served:
        peer, begun = served.peer(), time.monotonic()
        assert peer.rest() == b""
        assert 0.3 < time.monotonic() - begun < 2


def dribbled(peer: Peer, content: bytes) -> bytes:
    """What was answered while the content came, a byte at a time."""
    peer.socket.settimeout(0.05)
    for letter in content:
        peer.send(bytes([letter]))
        try:
            return peer.socket.recv(1000)
        except TimeoutError:
            continue
    return b""


def test_half_a_head_is_not_waited_for_however_it_comes() -> None:
    with serving(SHORT) as served:
        peer, begun = served.peer(), time.monotonic()
        answer = dribbled(peer, HEAD * 10)
        assert refused(answer, 408) == "RequestTimeout"
        assert time.monotonic() - begun < 2


def test_a_body_that_comes_slowly_is_not_waited_for() -> None:
    with serving(SHORT) as served:
        peer, begun = served.peer(), time.monotonic()
        peer.send(HEAD, b"content-length: 1000\r\n\r\n")
        answer = dribbled(peer, b"a" * 1000)
        assert refused(answer, 408) == "RequestTimeout"
        assert time.monotonic() - begun < 2


def test_an_idle_connection_ends_without_a_word() -> None:
    with serving(SHORT) as served:
        peer = served.peer()
        peer.send(GET)
        assert peer.answer()[0] == 200
        begun = time.monotonic()
        assert peer.rest() == b""
        assert 0.2 < time.monotonic() - begun < 2


def test_what_is_left_of_a_body_that_nobody_wants_is_not_waited_for() -> None:
    with serving(SHORT) as served:
        peer = served.peer()
        peer.send(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        assert peer.answer() == (200, "read nothing")
        begun = time.monotonic()
        # A second answer would be taken for that of the next request.
        assert peer.rest() == b""
        assert time.monotonic() - begun < 2


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    with serving(SHORT) as served:
        peer = served.peer()
        peer.send(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
        assert peer.socket.recv(1) == b"H"
        assert served.connections.count == 1
        begun = time.monotonic()
        while served.connections.count:
            assert time.monotonic() - begun < 5
            time.sleep(0.02)
        assert time.monotonic() - begun > SHORT.unread_seconds / 2


def test_an_answer_that_is_read_slowly_arrives_whole() -> None:
    bounds = replace(SHORT, unread_seconds=0.8)
    with serving(bounds) as served:
        peer = served.peer()
        peer.send(b"GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        begun, received = time.monotonic(), 0
        while part := peer.socket.recv(65536):
            received += len(part)
            # In two seconds, and not at once.
            time.sleep(max(0.0, begun + 2.0 * received / LENGTH - time.monotonic()))
        assert received > LENGTH


def test_who_waits_for_us_is_not_hurried() -> None:
    with serving(SHORT) as served:
        peer = served.peer()
        peer.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /ec")
        assert peer.answer() == (200, "slow")
        peer.send(b"ho HTTP/1.1\r\nhost: x\r\n\r\n")
        assert peer.answer()[0] == 200


def test_a_few_requests_may_be_sent_ahead_and_not_many() -> None:
    with serving(SHORT) as served:
        peer = served.peer()
        # The body of the second is read once the first is answered, and that is not its fault.
        peer.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", HEAD, b"content-length: 2\r\n\r\n")
        assert peer.answer() == (200, "slow")
        peer.send(b"{}")
        assert peer.answer()[1]["body"] == "{}"
        many = served.peer()
        many.send(GET * 300)
        answers = many.rest()
        assert 1 <= answers.count(b"HTTP/1.1 200 OK") <= SHORT.pipelined + 2


def test_one_peer_has_no_more_than_its_share() -> None:
    with serving(replace(LONG, connections=10, of_one_peer=3)) as served, capture_logs() as logs:
        peers = [served.peer() for _ in range(8)]
        for peer in peers[3:]:
            answer = peer.rest()
            assert refused(answer, 429) == "TooManyConnections"
            assert b"retry-after: " in answer
        other = served.peer("127.0.0.2")
        other.send(GET)
        assert other.answer()[0] == 200
        # Whoever goes makes room.
        peers[0].socket.close()
        deadline = time.monotonic() + 5
        while served.connections.count > 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        again = served.peer()
        again.send(GET)
        assert again.answer()[0] == 200
        assert len([line for line in logs if line["event"] == "connections_of_peer_full"]) == 1


def test_a_trusted_proxy_is_not_one_peer() -> None:
    bounds = replace(LONG, connections=10, of_one_peer=1)
    with serving(bounds, trusted=("127.0.0.0/8",)) as served:
        for peer in [served.peer() for _ in range(5)]:
            peer.send(GET)
            assert peer.answer()[0] == 200


def test_beyond_all_that_fit_each_is_refused_and_it_is_said_once() -> None:
    settings = configured("redis://127.0.0.1:1/0")
    connections = Connections(replace(LONG, connections=4, of_one_peer=4))
    of = create_app(settings, connections=connections)
    with (
        capture_logs() as logs,
        ExitStack() as stack,
        serve(of, http=bounded(connections), ws="none") as url,
        stack,
    ):
        served = Served(int(url.rsplit(":", 1)[1]), connections, stack)
        held = [served.peer() for _ in range(4)]
        for _ in range(3):
            assert refused(served.peer("127.0.0.2").rest(), 429) == "TooManyConnections"
        held[0].send(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        status, content = held[0].answer()
        assert status == 503
        assert content["parts"]["connections"] == "full: 3 refused, 4 at once are the most"
    assert len([line for line in logs if line["event"] == "connections_full"]) == 1


@pytest.mark.parametrize(
    ("descriptors", "most", "of_one"),
    [(1024, 480, 120), (256, 96, 24), (65536, 1000, 200), (40, 16, 4)],
)
def test_connections_leave_descriptors_for_others(descriptors: int, most: int, of_one: int) -> None:
    bounds = Bounds.within(descriptors)
    assert (bounds.connections, bounds.of_one_peer) == (most, of_one)


def test_a_network_of_version_6_is_one_peer() -> None:
    class Nobody:
        def look(self, now: float) -> None:
            """Do nothing."""

    async def enter() -> list[str | None]:
        connections = Connections(replace(LONG, of_one_peer=1))
        hosts = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1")
        return [connections.enter(Nobody(), host) for host in hosts]

    full = "connections_of_peer_full"
    assert asyncio.run(enter()) == [None, full, None, None, full]
