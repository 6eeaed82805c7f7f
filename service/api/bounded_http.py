"""uvicorn's HTTP, with an end to everything that a stranger may send or keep us waiting for.

The parser keeps a head until it is whole, whatever its length, and nobody there looks at a clock.
So bytes are counted before it sees them, and `Connections` looks after the waits. An upgrade is
not offered: the request is read as if nobody had asked for one.
"""

import asyncio
import json
import math
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.access.proxied import PEER
from service.api.connections import Connections
from workers.times.clock import rfc3339, system_clock

# What is fed to the parser at once, and so what a piece may hold beyond a bound.
_PIECE: Final = 8 * 1024
_RETRY_AFTER: Final = 5
# In bytes a second, of what is read of an answer.
_SLOWEST: Final = 1000

_WORDS: Final = {
    400: ("InvalidRequest", "this is not HTTP/1.1 as it is written"),
    408: ("RequestTimeout", "the request did not come to its end in time"),
    414: ("UriTooLong", "the URL is too long"),
    # Of all statuses the one for which every known vendor sends again: ConnectWise drops a 503.
    429: ("TooManyConnections", "too many connections; send it again later"),
    431: ("HeadTooLarge", "the head or the trailer of the request is too large"),
}


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Whole:
    """To which uvicorn writes an answer: the head of one of known length leaves with its body.

    Each write is a segment of its own, and the peer wakes up for each.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = b""
        self._wrote = False
        self.close = cycle.transport.close
        self.is_closing = cycle.transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep the head, or write it with what comes behind it."""
        cycle = self._cycle
        if cycle.response_started and not self._wrote:
            self._wrote = True
            if cycle.chunked_encoding is False and cycle.scope["method"] != "HEAD":
                self._head = data
                return
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)


class BoundedHttp(HttpToolsProtocol):
    """One connection. Its class is made by `bounded`, which says among which it is."""

    among: Connections

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._bounds = self.among.bounds
        # Whether a head is read or awaited; otherwise a body, with its trailer.
        self._in_head = True
        # Bytes of this head, or since the last ones of this body.
        self._counted = 0
        self._idle = False
        self._over = False
        self._deadline = math.inf
        # Since when so much was not taken by the peer.
        self._unread: tuple[float, int] | None = None

    # What uvicorn's loop tells.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Refuse it if there are too many; otherwise its first head is awaited."""
        super().connection_made(transport)
        self._wait(self._bounds.head_seconds)
        if self.among.enter(self, self.client[0] if self.client else None) is not None:
            self._over = True
            self._answer(429)
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is counted no more."""
        super().connection_lost(exc)
        self.among.leave(self)

    def data_received(self, data: bytes) -> None:
        """Count, then parse, in pieces that end where a bound does."""
        if not self._reads:
            return
        if self._idle:
            self._idle = False
            self._wait(self._bounds.head_seconds)
        start = 0
        while start < len(data) and self._reads:
            room = self._most - self._counted
            if room <= 0:
                self._refuse(431)
                return
            end = start + min(_PIECE, room)
            piece = data[start:end]
            self._counted += len(piece)
            self._feed(piece)
            start = end

    def resume_writing(self) -> None:
        """The peer reads."""
        super().resume_writing()
        self._unread = None

    def look(self, now: float) -> None:
        """End the connection if its peer was waited for too long."""
        if not self._is_read(now):
            self.transport.abort()
            return
        # Behind a request that is being answered nothing is read, so nobody is waited for.
        behind = self.pipeline and not self._in_head
        if now < self._deadline or behind or self.transport.is_closing():
            return
        if self._over:
            self.transport.abort()
        elif self._in_head and not self._counted:
            self.transport.close()
        else:
            self._refuse(408)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """The first byte of a head, perhaps in the middle of a piece."""
        super().on_message_begin()
        self._counted = self._counted or 1
        # uvicorn replaces the scope's client by what a trusted proxy says.
        self.scope["state"][PEER] = self.client

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        if len(self.url) + len(url) > self._bounds.url_bytes:
            raise _Refused(414)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field. A trailer's are dropped: the application would take them for the head's."""
        if not self._in_head:
            return
        if len(self.headers) >= self._bounds.fields:
            raise _Refused(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request begins, and its body is awaited."""
        if self.parser.get_method() == b"CONNECT":
            raise _Refused(400)
        if len(self.pipeline) >= self._bounds.pipelined:
            raise _Refused(429)
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", _Whole(self.cycle))
        self._in_head, self._counted = False, 0
        self._wait(self._bounds.body_seconds)

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, which the application counts."""
        self._counted = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole, and nobody is waited for until it is answered."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_head, self._counted = True, 0
        self._wait_for_more()

    def on_response_complete(self) -> None:
        """What comes next is awaited. As uvicorn does it, without its timer for an idle peer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self._wait_for_more()

    # What follows from it.

    @property
    def _reads(self) -> bool:
        return not self._over and not self.transport.is_closing()

    @property
    def _most(self) -> int:
        """How many bytes may be counted now."""
        return self._bounds.head_bytes if self._in_head else self._bounds.trailer_bytes

    @property
    def _answering(self) -> bool:
        """Whether a request was begun that is not answered."""
        newest = cast("RequestResponseCycle | None", self.cycle)
        return newest is not None and not newest.response_complete

    def _is_read(self, now: float) -> bool:
        """Whether the peer takes what is written, which would keep even a closed one open."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self._unread = None
            return True
        since, before = self._unread = self._unread or (now, size)
        if now - since < self._bounds.unread_seconds:
            return True
        self._unread = (now, size)
        return size <= before - _SLOWEST * self._bounds.unread_seconds

    def _wait(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds

    def _wait_for_more(self) -> None:
        if not self._in_head:
            # Answered before it was whole, what is left of it is not waited for long. Or it comes
            # to its turn only now.
            bounds = self._bounds
            self._wait(bounds.body_seconds if self._answering else bounds.idle_seconds)
        elif self._answering:
            self._deadline = math.inf
        elif self._counted:
            self._wait(self._bounds.head_seconds)
        else:
            self._idle = True
            self._wait(self._bounds.idle_seconds)

    def _feed(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserCallbackError as error:
            ours = error.__context__
            self._refuse(ours.status if isinstance(ours, _Refused) else 400)
        except httptools.HttpParserError:
            self._refuse(400)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_anew(piece[upgrade.args[0] :])

    def _read_anew(self, rest: bytes) -> None:
        """Read the request as if it had not asked for an upgrade: the parser skipped its body."""
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"".join([*head, b"\r\n", rest]))

    def _refuse(self, status: int) -> None:
        """Answer that, if nothing else is being answered, and end the connection."""
        if self._over:
            return
        self._over = True
        self.among.tell(f"requests_refused_{status}", peer=self.client[0] if self.client else None)
        if self._answering and self._in_head:
            # Those before it were in order; the last of them ends the connection.
            self.cycle.keep_alive = False
            self._deadline = math.inf
            return
        if not self._in_head and not self._answering:
            # Answered before its end, and a second answer would be taken for the next one's.
            self._leave()
            return
        if self._answering:
            if self.pipeline or self.cycle.response_started:
                self.transport.abort()
                return
            # What the application says from now on is not sent, and it need not wait any longer.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._answer(status)
        self._leave()

    def _answer(self, status: int) -> None:
        code, message = _WORDS[status]
        entry = {"code": code, "message": message, "timestamp": rfc3339(system_clock())}
        body = json.dumps({"errors": [entry]}, separators=(",", ":")).encode()
        head = [f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"]
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            head.append(f"retry-after: {_RETRY_AFTER}\r\n")
        head.append("connection: close\r\n\r\n")
        self.transport.write(STATUS_LINE[status] + "".join(head).encode() + body)

    def _leave(self) -> None:
        """Close; not at once, for what is sent meanwhile would destroy the answer on its way."""
        if not self.among.may_linger(self) or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        # What stands unread in the socket would do the same.
        self.flow.resume_reading()
        self._wait(self._bounds.leaving_seconds)


def bounded(connections: Connections) -> type[BoundedHttp]:
    """The protocol of a service whose connections these are."""
    return cast("type[BoundedHttp]", type("BoundedHttp", (BoundedHttp,), {"among": connections}))
