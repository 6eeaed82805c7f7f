import asyncio
import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapters.errors import ITGlueConnectionError, PermissionDenied
from tests.integration.itglue_loopback import (
    KEY,
    MISSING_PAGE,
    ScriptedITGlue,
    answer,
    closed_port,
    raw,
    row,
)
from workers.itglue.client import ITGlue
from workers.itglue.http.failures import AnswerTooLarge, RequestRefused, WrongExport
from workers.itglue.models import Export

FIXTURES = Path(__file__).parents[1] / "fixtures" / "itglue"


def error(status: int, title: str) -> Response:
    return answer({"errors": [{"status": status, "title": title}]}, status)


@pytest.mark.parametrize("org_id", ["5", "4489414129010794", "574989297464115201"])
async def test_just_these_bytes_delete(server: ScriptedITGlue, itglue: ITGlue, org_id: str) -> None:
    server.on("DELETE", "/organizations", answer({"data": [row(org_id, name="A")]}))
    found = await itglue.delete_organization(org_id)
    assert (found.outcome, found.status) == ("accepted", 200)
    [call] = server.calls
    assert (call.method, call.target, call.query) == ("DELETE", "/organizations", "")
    text = '{"data":[{"type":"organizations","attributes":{"id":ID}}]}'.replace("ID", org_id)
    assert call.body == text.encode()
    assert call.headers["content-type"] == "application/vnd.api+json"
    assert call.headers["content-length"] == str(len(text))
    assert call.headers["x-api-key"] == KEY


async def test_the_body_is_the_documented_one(server: ScriptedITGlue, itglue: ITGlue) -> None:
    documented = json.loads((FIXTURES / "documentation/DELETE_organizations.json").read_bytes())
    await itglue.delete_organization("5")
    assert json.loads(server.calls[0].body) == {"data": documented["data"][:1]}


async def test_not_even_a_bare_question_mark_follows_the_path() -> None:
    async with raw(b"") as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        await client.delete_organization("5")
    assert server.received[0].startswith(b"DELETE /organizations HTTP/1.1\r\n")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("reply", "outcome", "words"),
    [
        (answer({"data": {"id": "5", "type": "organizations"}}), "accepted", ""),
        (answer({"data": [{"type": "organizations", "attributes": {"id": 5}}]}), "accepted", ""),
        (answer({"data": [row(6, name="B")]}), "unknown", "does not name exactly"),
        (answer({"data": [row(5, name="A"), row(6, name="B")]}), "unknown", "does not name"),
        (
            answer({"data": [row(5, name="A")], "errors": [{"title": "It could not go"}]}),
            "unknown",
            "It could not go",
        ),
        (answer({"data": []}), "unknown", "does not name exactly"),
        (answer({"errors": []}), "unknown", "does not name exactly"),
        (answer({"data": ["5"]}), "unknown", "an object is missing"),
        (Response(b"", 200), "unknown", "200"),
        (Response(b"", 204), "unknown", "204"),
        (answer({"data": [row(5, name="A")]}, 202), "unknown", "202"),
        (HTMLResponse("<title>Sign in</title>", 200), "unknown", "Sign in"),
        (RedirectResponse("/organizations?filter[id]=5"), "unknown", "307"),
        (HTMLResponse("<title>502 Bad Gateway</title>", 502), "unknown", "502 Bad Gateway"),
        (error(500, "Oops"), "unknown", "Oops"),
        (error(504, "Gateway Timeout"), "unknown", "Gateway Timeout"),
        (error(408, "Request Timeout"), "unknown", "408"),
        (error(400, "Bad Request"), "refused", "Bad Request"),
        (error(401, "Unauthorized"), "refused", "itglue.api_key"),
        (answer({"message": "Forbidden"}, 403), "refused", "Forbidden"),
        (HTMLResponse(MISSING_PAGE, 404), "refused", "no such organization"),
        (error(404, "Not Found"), "refused", "no such organization"),
        (error(415, "Unsupported Media Type"), "refused", "Unsupported Media Type"),
        (error(422, "Organization is externally synced"), "refused", "in the PSA"),
        (error(429, "Too Many Requests"), "refused", "too many requests"),
    ],
)
async def test_what_an_answer_to_the_deletion_means(
    server: ScriptedITGlue, itglue: ITGlue, reply: Response, outcome: str, words: str
) -> None:
    server.on("DELETE", "/organizations", reply)
    found = await itglue.delete_organization("5")
    assert (found.outcome, found.status) == (outcome, reply.status_code)
    assert words in found.detail
    # Whatever the answer is, nothing is repeated and no redirect is followed.
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"garbage\r\n\r\n"]
)
async def test_a_deletion_whose_answer_is_lost_is_unknown(reply: bytes) -> None:
    async with raw(reply) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        found = await client.delete_organization("5")
    assert (found.outcome, found.status) == ("unknown", None)
    assert len(server.received) == 1


async def test_a_deletion_that_is_not_answered_in_time_is_unknown() -> None:
    async with (
        raw(None) as server,
        ITGlue.connect(base_url=server.url, api_key=KEY, timeout_seconds=0.1) as client,
    ):
        found = await client.delete_organization("5")
    assert (found.outcome, found.status) == ("unknown", None)


async def test_a_deletion_that_found_no_connection_was_not_sent() -> None:
    with closed_port() as url:
        async with ITGlue.connect(base_url=url, api_key=KEY) as client:
            found = await client.delete_organization("5")
    assert (found.outcome, found.status) == ("refused", None)
    assert "nothing was sent" in found.detail


async def test_a_status_is_the_only_thing_changed(server: ScriptedITGlue, itglue: ITGlue) -> None:
    changed = row(5, name="A", organization_status_id=69)
    server.on("PATCH", "/organizations/5", answer({"data": changed}))
    found = await itglue.set_status("5", "69")
    assert (found.outcome, found.status) == ("accepted", 200)
    [call] = server.calls
    assert call.target == "/organizations/5"
    assert call.body == (
        b'{"data":{"type":"organizations","attributes":{"organization-status-id":69}}}'
    )


@pytest.mark.parametrize(
    ("reply", "outcome", "words"),
    [
        (answer({"data": row(5, organization_status_id=68)}), "unknown", "does not name"),
        (answer({"data": row(6, organization_status_id=69)}), "unknown", "does not name"),
        (error(422, "Organization is externally synced"), "refused", "only be changed in the PSA"),
        (error(404, "Not Found"), "refused", "no such organization"),
        (error(503, "Busy"), "unknown", "Busy"),
    ],
)
async def test_what_an_answer_to_a_status_means(
    server: ScriptedITGlue, itglue: ITGlue, reply: Response, outcome: str, words: str
) -> None:
    server.on("PATCH", "/organizations/5", reply)
    found = await itglue.set_status("5", "69")
    assert (found.outcome, found.status) == (outcome, reply.status_code)
    assert words in found.detail


def export_row(**attributes: Any) -> dict[str, Any]:
    fields = {"organization_id": 7, "export_all": False, "download_url": None, **attributes}
    return row(2, **fields)


async def test_an_export_is_of_one_organization(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("POST", "/exports", answer({"data": export_row()}, 201))
    made = await itglue.create_export("7", include_logs=True, zip_password="password")
    assert (made.id, made.organization_id, made.download_url) == ("2", "7", None)
    documented = json.loads((FIXTURES / "documentation/POST_exports.json").read_bytes())
    documented["data"]["attributes"]["organization-id"] = 7
    assert json.loads(server.calls[0].body) == documented
    await itglue.create_export("7", include_logs=False, zip_password=None)
    assert json.loads(server.calls[1].body)["data"]["attributes"] == {
        "organization-id": 7,
        "include-logs": False,
    }


@pytest.mark.parametrize(
    "wrong", [{"organization_id": 8}, {"organization_id": None}, {"export_all": True}]
)
async def test_an_export_of_anything_else_is_an_error(
    server: ScriptedITGlue, itglue: ITGlue, wrong: dict[str, Any]
) -> None:
    server.on("POST", "/exports", answer({"data": export_row(**wrong)}))
    # Not retryable: each attempt might build another file of the whole account.
    with pytest.raises(WrongExport, match="export 2"):
        await itglue.create_export("7", include_logs=False, zip_password=None)


async def test_a_refused_export_hides_passwords(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("POST", "/exports", error(422, "zip-password 'hunter22' is too short"))
    with pytest.raises(RequestRefused, match=r"'\[hidden\]' is too short") as raised:
        await itglue.create_export("7", include_logs=False, zip_password="hunter22")
    assert "hunter22" not in str(raised.value)


async def test_looking_at_and_removing_an_export(server: ScriptedITGlue, itglue: ITGlue) -> None:
    server.on("GET", "/exports/2", answer({"data": export_row(download_url="https://x.test/a")}))
    found = await itglue.export("2")
    assert found is not None
    assert found.download_url == "https://x.test/a"
    server.on("GET", "/exports/3", answer({"data": export_row()}))
    with pytest.raises(ITGlueConnectionError, match="when asked for 3"):
        await itglue.export("3")
    server.on("GET", "/exports/4", error(404, "Not Found"))
    assert await itglue.export("4") is None
    server.on("GET", "/exports/4", HTMLResponse(MISSING_PAGE, 404))
    with pytest.raises(ITGlueConnectionError):
        await itglue.export("4")

    for reply in (Response(status_code=204), error(404, "Not Found")):
        server.on("DELETE", "/exports/2", reply)
        await itglue.delete_export("2")
    server.on("DELETE", "/exports/2", answer({"message": "Forbidden"}, 403))
    with pytest.raises(PermissionDenied):
        await itglue.delete_export("2")
    assert {call.body for call in server.calls} == {b""}


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("organizations.csv", "id,name\n7,Happy Frog\n" * 10_000)
    return buffer.getvalue()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def ready(url: str) -> Export:
    return Export(id="2", organization_id="7", download_url=url)


async def test_a_download_is_whole(server: ScriptedITGlue, itglue: ITGlue, tmp_path: Path) -> None:
    content = zipped()
    server.on("GET", "/export.zip", RedirectResponse("/stored/export.zip"))
    server.on("GET", "/stored/export.zip", Response(content, media_type="application/zip"))
    path = tmp_path / "exports" / "7.zip"
    size, sha256, *_ = await itglue.download(ready(f"{server.url}/export.zip"), path, 10_000_000)
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert files(path.parent) == [path]
    # The file lies elsewhere, and the key is nobody's business there.
    assert all("x-api-key" not in call.headers for call in server.calls)
    assert itglue.requests == 0


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Response(b""), ITGlueConnectionError),
        (Response(zipped()[:-40]), ITGlueConnectionError),
        (HTMLResponse("<title>Sign in</title>"), ITGlueConnectionError),
        (Response(b"expired", 403), ITGlueConnectionError),
        (Response(b"gone", 404), ITGlueConnectionError),
        (Response(zipped() + b"x" * 1_000_000), AnswerTooLarge),
        (RedirectResponse("ftp://127.0.0.1/export.zip"), ITGlueConnectionError),
        (RedirectResponse("/export.zip"), ITGlueConnectionError),
    ],
    ids=["empty", "half", "page", "expired", "gone", "too large", "ftp", "circle"],
)
async def test_a_failed_download_leaves_what_was_there(
    server: ScriptedITGlue,
    itglue: ITGlue,
    tmp_path: Path,
    reply: Response,
    failure: type[Exception],
) -> None:
    server.on("GET", "/export.zip", reply)
    path = tmp_path / "7.zip"
    path.write_bytes(b"before")
    with pytest.raises(failure) as raised:
        await itglue.download(ready(f"{server.url}/export.zip"), path, 500_000)
    assert server.url not in str(raised.value)
    assert path.read_bytes() == b"before"
    assert files(tmp_path) == [path]


async def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nPK"
    async with raw(head) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(ITGlueConnectionError, match="broke off"):
            await client.download(ready(f"{server.url}/x.zip"), tmp_path / "7.zip", 1_000_000)
    assert files(tmp_path) == []


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    async with raw(None) as server, ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                client.download(ready(f"{server.url}/x.zip"), tmp_path / "7.zip", 1000), 0.1
            )
    assert files(tmp_path) == []


async def test_no_download_unready(server: ScriptedITGlue, itglue: ITGlue, tmp_path: Path) -> None:
    with pytest.raises(ITGlueConnectionError, match="not ready"):
        await itglue.download(Export(id="2", organization_id="7"), tmp_path / "7.zip", 1000)
    async with ITGlue.connect(base_url="https://itglue.invalid", api_key=KEY) as secure:
        with pytest.raises(ITGlueConnectionError, match="not https"):
            await secure.download(ready(f"{server.url}/x.zip"), tmp_path / "7.zip", 1000)
    assert server.calls == []
    assert files(tmp_path) == []
