"""HTTP to IT Glue: the only module that knows which library speaks it.

One semaphore bounds the requests in flight, one deadline bounds a whole exchange, one limit
bounds a body, and two hooks tell a shared rate budget what is sent and what came back.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

import httpx

from workers.itglue.http.connections import connections
from workers.itglue.http.explanations import NOTHING_SENT
from workers.itglue.http.failures import AnswerTimedOut, AnswerTooLarge, CallFailed
from workers.itglue.http.replies import Payload, Reply, checked, key_accepted
from workers.network.retry import retry_after
from workers.network.tls import public_authorities
from workers.traces import tracing

BeforeRequest = Callable[[bool], Awaitable[None]]
JustBefore = Callable[[], None]
AfterAnswer = Callable[[int, float | None], Awaitable[None]]
KeyJudged = Callable[[bool, int], Awaitable[None]]
Answered = Callable[[str, str, int | None], None]
Query = Sequence[tuple[str, str]]

MEDIA_TYPE = "application/vnd.api+json"
_ANSWER_LIMIT = 32 * 1024 * 1024
_ERROR_LIMIT = 64 * 1024
_IN_FLIGHT = 10
# Connecting has a limit of its own, so that "nothing was sent" can be told from "no answer".
_CONNECT_SECONDS = 10.0

# httpcore looks for it on the disk before each of its locks, a sixth of the time of a deletion.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment] # how Python is told that there is none

# At INFO httpx logs whole URLs, and an export's download URL is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is asked before every request, and told of every answer.

    `before_request` hears whether it deletes or changes an organization; what it raises goes to
    the caller, and nothing is sent. `after_answer` hears the status and its `Retry-After` in
    seconds; `key_judged`, of an answer that shows it, whether IT Glue accepts the key, and the
    status. `answered` hears method, path and status of everything that was sent, `None` where no
    answer came; it must not fail, for it is told of a DELETE before anybody else is.
    """

    before_request: BeforeRequest | None = None
    after_answer: AfterAnswer | None = None
    key_judged: KeyJudged | None = None
    answered: Answered | None = None


_NO_HOOKS = Hooks()


class Pool:
    """The connections to one IT Glue account, which a process shares; `wire`: a network."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        timeout_seconds: float = 30,
        in_flight: int = _IN_FLIGHT,
        wire: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.api_key = api_key
        self.timeout_seconds = timeout_seconds
        self.wire = wire
        self.slots = asyncio.Semaphore(in_flight)
        self.timeouts = httpx.Timeout(
            timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS)
        )
        tls = public_authorities(trust_env=True)
        self.client = httpx.AsyncClient(
            base_url=base_url,
            headers={"x-api-key": api_key, "accept": MEDIA_TYPE, "user-agent": "Unglue"},
            timeout=self.timeouts,
            verify=tls,
            transport=wire or connections(tls),
            limits=httpx.Limits(max_connections=in_flight),
        )

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.client.aclose()


class Transport:
    """What one deletion, or one look, asks of the account; `requests` counts what it sent."""

    def __init__(
        self, pool: Pool, hooks: Hooks = _NO_HOOKS, answer_limit: int = _ANSWER_LIMIT
    ) -> None:
        self.requests = 0
        self._pool = pool
        self._hooks = hooks
        self._answer_limit = answer_limit

    async def read(self, path: str, query: Query = (), *, what: str) -> Payload:
        """The payload of a GET; raises what `replies.checked` raises, and `CallFailed`."""
        return checked(await self.exchange("GET", path, query), what)

    async def exchange(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: Mapping[str, object] | None = None,
        destructive: bool = False,
        just_before: JustBefore | None = None,
        hide: tuple[str, ...] = (),
    ) -> Reply:
        """Send one request and read its whole answer, whatever its status.

        `just_before` is called when nothing is left to wait for; what it raises goes to the caller,
        and nothing is sent. Raises CallFailed: no status line, or no whole body to a success.
        """
        async with self._pool.slots:
            if self._hooks.before_request is not None:
                await self._hooks.before_request(destructive)
            if just_before is not None:
                just_before()
            self.requests += 1
            status = None
            try:
                with tracing.span(f"{method} {_kind(path)}", "client") as span:
                    reply = await self._sent(method, path, query, body, (self._pool.api_key, *hide))
                    span.note("http.response.status_code", reply.status)
                status = reply.status
            finally:
                if self._hooks.answered is not None:
                    self._hooks.answered(method, path, status)
        if self._hooks.after_answer is not None:
            await self._hooks.after_answer(reply.status, reply.retry_after)
        accepted = key_accepted(method, path, reply)
        if self._hooks.key_judged is not None and accepted is not None:
            await self._hooks.key_judged(accepted, reply.status)
        return reply

    async def _sent(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, object] | None,
        hide: tuple[str, ...],
    ) -> Reply:
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {} if body is None else {"content-type": MEDIA_TYPE}
        named = f"{method} {path}"
        try:
            async with (
                asyncio.timeout(self._pool.timeout_seconds),
                self._pool.client.stream(
                    method, path, params=list(query), content=content, headers=headers
                ) as answer,
            ):
                text = await self._body(answer, named)
                return Reply(answer.status_code, text, retry_after(answer.headers), hide)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CallFailed(f"{NOTHING_SENT} ({named}: {error})", sent=False) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise AnswerTimedOut(
                f"IT Glue did not answer {named} within {self._pool.timeout_seconds:g} s"
            ) from error
        except httpx.HTTPError as error:
            # The text of an httpx error may quote a header.
            raise CallFailed(f"{named} broke off: {type(error).__name__}") from error

    async def _body(self, answer: httpx.Response, named: str) -> bytes:
        failed = answer.status_code >= 400
        limit = _ERROR_LIMIT if failed else self._answer_limit
        body = bytearray()
        try:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    break
        except httpx.HTTPError:
            # The status line of a refusal says what counts; its body is only an explanation.
            if not failed:
                raise
        if len(body) > limit and not failed:
            raise AnswerTooLarge(
                f"IT Glue's answer to {named} is larger than {limit} bytes",
                status=answer.status_code,
            )
        return bytes(body[:limit])

    async def download(self, url: str, write: Callable[[bytes], None], max_bytes: int) -> None:
        """Stream a file from wherever IT Glue keeps it. The API key is not sent there.

        Raises:
            CallFailed: no such file any more, no https, or broken off.
            AnswerTooLarge: more than `max_bytes`.
        """
        schemes = {"https", self._pool.client.base_url.scheme}

        async def only_secure(request: httpx.Request) -> None:
            if request.url.scheme not in schemes:
                raise CallFailed("the download leads to a URL that is not https; it was not read")

        received = 0
        try:
            async with (
                httpx.AsyncClient(
                    timeout=self._pool.timeouts,
                    verify=public_authorities(trust_env=True),
                    transport=self._pool.wire,
                    follow_redirects=True,
                    max_redirects=5,
                    event_hooks={"request": [only_secure]},
                ) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != 200:
                    raise CallFailed(
                        f"the download was answered {answer.status_code}; its link may have "
                        "expired, read the export again",
                        status=answer.status_code,
                    )
                async for chunk in answer.aiter_bytes():
                    received += len(chunk)
                    if received > max_bytes:
                        raise AnswerTooLarge(f"the download is larger than {max_bytes} bytes")
                    write(chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The message of an httpx error may hold the URL, which is a secret.
            raise CallFailed(f"the download broke off: {type(error).__name__}") from None


def _kind(path: str) -> str:
    """A path without the ids in it."""
    return "/".join(
        "{id}" if part.isdigit() else part for part in path.partition("?")[0].split("/")
    )
