import asyncio
from datetime import UTC, datetime

import pytest
from starlette.responses import HTMLResponse, Response

from adapters.errors import InvalidIdentifier, ITGlueConnectionError, PermissionDenied, Postponed
from adapters.models import PsaLink
from tests.integration.itglue_loopback import (
    KEY,
    MISSING_PAGE,
    ScriptedITGlue,
    answer,
    closed_port,
    not_found,
    raw,
    row,
    too_many,
)
from workers.itglue.client import ITGlue
from workers.itglue.http.failures import AnswerTimedOut, AnswerTooLarge, CallFailed, RequestRefused
from workers.itglue.http.transport import Hooks, Pool, Transport


async def test_a_read_has_key_and_no_content_type(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations/5", answer({"data": row(5, name="A")}))
    found = await itglue.organization("5")
    assert found is not None
    assert (found.id, found.name, found.psa_ids) == ("5", "A", None)
    [call] = server.calls
    assert call.asked == {"include": "adapters_resources,attachments"}
    assert call.headers["x-api-key"] == KEY
    assert call.headers["accept"] == "application/vnd.api+json"
    assert "content-type" not in call.headers
    assert call.body == b""
    assert itglue.requests == 1


async def test_long_ids_survive_exactly(server: ScriptedITGlue, itglue: ITGlue) -> None:
    for org_id in ("4489414129010794", "574989297464115201"):
        data = row(int(org_id), name="A", parent_id=int(org_id) - 1)
        server.on("GET", f"/organizations/{org_id}", answer({"data": {**data, "id": int(org_id)}}))
        found = await itglue.organization(org_id)
        assert found is not None
        assert (found.id, found.parent_id) == (org_id, str(int(org_id) - 1))


async def test_a_missing_organization_is_none(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/organizations/5", not_found())
    assert await itglue.organization("5") is None


async def test_a_wrong_address_is_not_an_answer(server: ScriptedITGlue, itglue: ITGlue) -> None:
    # Nothing is scripted, so every path answers an HTML 404.
    for call in (
        itglue.organization("5"),
        itglue.organizations_named("A"),
        itglue.organizations_linked(PsaLink(integration_type="autotask", company_id="174")),
        itglue.control(),
    ):
        with pytest.raises(ITGlueConnectionError, match=r"check itglue\.base_url") as raised:
            await call
        assert raised.value.retryable
    assert len(server.calls) == 4


async def test_an_answer_of_another_id_is_doubted(server: ScriptedITGlue, itglue: ITGlue) -> None:
    for data in (row(6, name="A"), [], [row(5, name="A"), row(6, name="B")], None):
        server.on("GET", "/organizations/5", answer({"data": data}))
        with pytest.raises(ITGlueConnectionError):
            await itglue.organization("5")


@pytest.mark.parametrize("org_id", ["", "0", "../exports", "5?x=1", "5,6"])
async def test_no_false_id_is_sent(server: ScriptedITGlue, itglue: ITGlue, org_id: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for call in (
        itglue.organization(org_id),
        itglue.presence(org_id),
        itglue.delete_organization(org_id),
        itglue.set_status(org_id, "1"),
        itglue.set_status("5", org_id),
        itglue.create_export(org_id, include_logs=False, zip_password=None),
        itglue.export(org_id),
        itglue.delete_export(org_id),
        itglue.last_activity(org_id, since=now, now=now),
    ):
        with pytest.raises(InvalidIdentifier):
            await call
    assert server.calls == []


@pytest.mark.parametrize(
    ("reply", "error", "retry_after"),
    [
        (
            answer({"errors": [{"status": 401, "title": "Unauthorized"}]}, 401),
            PermissionDenied,
            None,
        ),
        (answer({"message": "Forbidden"}, 403), PermissionDenied, None),
        (answer({"errors": [{"status": 422, "title": "No"}]}, 422), RequestRefused, None),
        (too_many(), ITGlueConnectionError, None),
        (too_many(retry_after="17"), ITGlueConnectionError, 17.0),
        (too_many(retry_after="soon"), ITGlueConnectionError, None),
        (too_many(retry_after="inf"), ITGlueConnectionError, None),
        (too_many(retry_after="-3"), ITGlueConnectionError, 0.0),
        (HTMLResponse("<title>502 Bad Gateway</title>", 502), ITGlueConnectionError, None),
        (HTMLResponse("<title>Sign in</title>", 200), ITGlueConnectionError, None),
        (HTMLResponse(MISSING_PAGE, 404), ITGlueConnectionError, None),
        (Response(b"", 200), ITGlueConnectionError, None),
        (Response(b'{"data":', 200), ITGlueConnectionError, None),
        (Response(b"", 302, {"location": "/organizations/5"}), ITGlueConnectionError, None),
    ],
)
async def test_failures_are_typed(
    server: ScriptedITGlue,
    itglue: ITGlue,
    reply: Response,
    error: type[Exception],
    retry_after: float | None,
) -> None:
    server.on("GET", "/organizations/5", reply)
    with pytest.raises(error) as raised:
        await itglue.organization("5")
    assert getattr(raised.value, "retry_after", None) == retry_after
    assert len(server.calls) == 1
    assert KEY not in str(raised.value)


async def test_a_date_in_retry_after_is_relative_to_the_answer() -> None:
    head = (
        b"HTTP/1.1 503 Service Unavailable\r\nDate: Thu, 01 Jan 2026 10:00:00 GMT\r\n"
        b"Retry-After: Thu, 01 Jan 2026 10:01:30 GMT\r\nContent-Length: 0\r\n\r\n"
    )
    async with raw(head) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(CallFailed) as raised:
            await client.organization("5")
        assert raised.value.retry_after == 90


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"220 smtp.example.com ESMTP\r\n",
    ],
)
async def test_a_dropped_connection_is_a_failure_that_may_pass(reply: bytes) -> None:
    async with raw(reply) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(CallFailed) as raised:
            await client.organization("5")
        assert raised.value.sent


async def test_a_refused_connection_is_known_not_to_have_sent() -> None:
    with closed_port() as url:
        async with ITGlue.connect(base_url=url, api_key=KEY) as client:
            with pytest.raises(CallFailed) as raised:
                await client.organization("5")
            assert not raised.value.sent


async def test_no_answer_is_a_time_out() -> None:
    async with (
        raw(None) as server,
        ITGlue.connect(base_url=server.url, api_key=KEY, timeout_seconds=0.1) as client,
    ):
        with pytest.raises(AnswerTimedOut):
            await client.organization("5")


@pytest.mark.parametrize("framing", [b"Content-Length: 60000", b"Connection: close"])
async def test_an_answer_has_a_limit(framing: bytes) -> None:
    body = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + b"x" * 60_000
    async with raw(body) as server, Pool(base_url=server.url, api_key=KEY) as pool:
        with pytest.raises(AnswerTooLarge):
            await Transport(pool, answer_limit=1000).exchange("GET", "/organizations/5")


async def test_the_status_of_a_failure_counts_even_if_its_body_breaks_off() -> None:
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 500\r\n\r\n{"
    async with raw(head) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(CallFailed) as raised:
            await client.organization("5")
        assert (raised.value.status, raised.value.retry_after) == (429, 5)


async def test_hooks_see_every_request_and_every_answer(server: ScriptedITGlue) -> None:
    before: list[bool] = []
    after: list[tuple[int, float | None]] = []

    async def before_request(destructive: bool) -> None:
        before.append(destructive)

    async def after_answer(status: int, retry_after: float | None) -> None:
        after.append((status, retry_after))

    server.on("GET", "/organizations/5", answer({"data": row(5, name="A")}))
    server.on("DELETE", "/organizations", too_many(retry_after="9"))
    server.on("PATCH", "/organizations/5", too_many())
    async with ITGlue.connect(
        base_url=server.url, api_key=KEY, hooks=Hooks(before_request, after_answer)
    ) as client:
        await client.organization("5")
        await client.delete_organization("5")
        await client.set_status("5", "69")
        assert client.requests == 3
    assert before == [False, True, True]
    assert after == [(200, None), (429, 9.0), (429, None)]


async def test_a_hook_that_objects_stops_the_request(server: ScriptedITGlue) -> None:
    async def before_request(_: bool) -> None:
        raise Postponed("not now", datetime(2026, 1, 1, tzinfo=UTC))

    async with ITGlue.connect(
        base_url=server.url, api_key=KEY, hooks=Hooks(before_request)
    ) as client:
        for call in (client.organization("5"), client.presence("5")):
            with pytest.raises(Postponed):
                await call
        with pytest.raises(Postponed):
            await client.delete_organization("5")
        assert client.requests == 0
    assert server.calls == []


async def test_requests_in_flight_are_bounded(server: ScriptedITGlue) -> None:
    waiting = 0
    most = 0

    async def before_request(_: bool) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0)
        waiting -= 1

    async with Pool(base_url=server.url, api_key=KEY, in_flight=3) as pool:
        # Of two that share them, too; each counts its own.
        both = [Transport(pool, Hooks(before_request)) for _ in range(2)]
        await asyncio.gather(*(each.exchange("GET", "/") for each in both for _ in range(10)))
    assert most == 3
    assert [each.requests for each in both] == [10, 10]
