"""Connections to IT Glue, each in a pool of its own.

httpcore's pool looks twice a request at each connection that it has, asks the system of each idle
one whether its peer hung up, and counts all others for it: with the 60 that several deletions at
once need, that was a quarter of their processor time. How many there may be is the caller's to
bound.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final, cast
from urllib.request import getproxies

import httpx

_ONE: Final = httpx.Limits(max_connections=1, keepalive_expiry=5)


def connections(tls: ssl.SSLContext) -> httpx.AsyncBaseTransport | None:
    """The transport of a client; none where the environment names proxies, which is httpx' own."""
    return None if getproxies() else _Connections(tls)


class _Connections(httpx.AsyncBaseTransport):
    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        # The one used last is used next, so those that are not needed grow old.
        self._idle: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        one = self._idle.pop() if self._idle else self._new()
        try:
            answer = await one.handle_async_request(request)
        except BaseException:
            await one.aclose()
            raise
        stream = cast("httpx.AsyncByteStream", answer.stream)
        answer.stream = _Body(stream, one, self._idle)
        return answer

    async def aclose(self) -> None:
        while self._idle:
            await self._idle.pop().aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE)


class _Body(httpx.AsyncByteStream):
    """Gives its connection back once it is closed; one that was not read whole was hung up."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        one: httpx.AsyncHTTPTransport,
        idle: list[httpx.AsyncHTTPTransport],
    ) -> None:
        self._stream = stream
        self._one = one
        self._idle = idle

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        except BaseException:
            await self._one.aclose()
            raise
        self._idle.append(self._one)
