import json
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import ITGlueConnectionError, PermissionDenied, UnglueError
from workers.itglue.http.failures import AnswerTimedOut, CallFailed, RequestRefused, ResourceMissing
from workers.itglue.http.replies import Reply, checked

ISSUES = Path(__file__).parents[1] / "fixtures" / "itglue" / "issues"
PAGE = b"<html><head><title>The page you were looking for doesn't exist (404)</title></head></html>"


def errors() -> list[dict[str, Any]]:
    entries = json.loads((ISSUES / "errors.json").read_bytes())
    return [entry for entry in entries if isinstance(entry.get("body"), dict)]


EXPECTED: dict[str, tuple[type[UnglueError], str]] = {
    "POST /organizations/:id/relationships/passwords": (
        RequestRefused,
        "Valid organization_id is required",
    ),
    "POST /configurations": (RequestRefused, "Unprocessable Entity: must exist"),
    "GET /flexible_assets (no flexible_asset_type_id filter)": (
        RequestRefused,
        "Cannot index flexible assets without providing a flexible asset type ID filter",
    ),
    "POST /flexible_assets (object id not accessible)": (
        PermissionDenied,
        "Unauthorized: Unauthorized resource access",
    ),
    "POST attachments, unsupported route/key problem": (PermissionDenied, "Forbidden"),
}


@pytest.mark.parametrize("entry", errors(), ids=lambda entry: entry["request"])
def test_errors_that_users_met(entry: dict[str, Any]) -> None:
    error, said = EXPECTED[entry["request"]]
    reply = Reply(entry["http_status"], json.dumps(entry["body"]).encode())
    assert reply.said == said
    with pytest.raises(error) as raised:
        checked(reply, "a test")
    assert said in raised.value.message
    assert str(entry["http_status"]) in raised.value.message


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ITGlueConnectionError),
        (400, RequestRefused),
        (401, PermissionDenied),
        (403, PermissionDenied),
        (404, ResourceMissing),
        (408, ITGlueConnectionError),
        (415, RequestRefused),
        (422, RequestRefused),
        (429, ITGlueConnectionError),
        (500, ITGlueConnectionError),
        (502, ITGlueConnectionError),
        (504, ITGlueConnectionError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b'{"message":"no"}', PAGE, b"[1", b"\xff\xfe"])
def test_every_status_with_every_body(status: int, body: bytes, error: type[UnglueError]) -> None:
    with pytest.raises(error) as raised:
        checked(Reply(status, body, retry_after=7), "a test")
    assert getattr(raised.value, "status", None) == status
    assert raised.value.retryable == (error in {ITGlueConnectionError, ResourceMissing})
    if error is ITGlueConnectionError:
        assert getattr(raised.value, "retry_after", None) == 7


@pytest.mark.parametrize(
    ("status", "detail"),
    [(504, ""), (408, ""), (500, "The request took too long to process and timed out.")],
)
def test_a_time_limit_is_told_apart_for_smaller_pages(status: int, detail: str) -> None:
    body = json.dumps({"errors": [{"detail": detail}]}).encode()
    with pytest.raises(AnswerTimedOut):
        checked(Reply(status, body), "a test")


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"errors":[]}', PAGE, b"\xff", b"[" * 100_000]
)
def test_a_success_that_is_not_json_api_is_no_success(body: bytes) -> None:
    with pytest.raises(CallFailed, match="not JSON:API"):
        checked(Reply(200, body), "a test")


@pytest.mark.parametrize(
    ("body", "page"),
    [(PAGE, True), (b"", False), (b'{"errors":[{"status":404}]}', False), (b"{}", False)],
)
def test_a_404_says_whether_it_is_a_page(body: bytes, page: bool) -> None:
    with pytest.raises(ResourceMissing) as raised:
        checked(Reply(404, body), "a test")
    assert raised.value.page is page


def test_the_title_of_a_page_is_what_it_says() -> None:
    assert Reply(404, PAGE).said == "The page you were looking for doesn't exist (404)"


def test_words_are_one_short_line_without_secrets() -> None:
    text = "zip hunter22 \u202e\r\n\x1b[31m" + "x" * 1000
    body = json.dumps({"errors": [{"title": text}, "odd", {"title": None, "detail": "more"}]})
    said = Reply(422, body.encode(), hide=("hunter22",)).said
    assert said.startswith("zip [hidden] [31mx")
    assert len(said) == 300
    assert said.isprintable()
    assert "hunter22" not in repr(Reply(422, b"", hide=("hunter22",)))
