"""The body of `POST /v1/deletions`: what is refused, and that nothing comes of it."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.support.service import Service, only_error, stored

ASKED = {"org_id": "301", "confirm_delete": True}


MALFORMED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "InvalidIdentifier"),
    "no identifier": ({"confirm_delete": True}, "InvalidIdentifier"),
    "null identifiers": ({"org_id": None, "org_name": None}, "InvalidIdentifier"),
    "empty id": ({"org_id": ""}, "InvalidIdentifier"),
    "empty name": ({"org_name": ""}, "InvalidIdentifier"),
    "blank name": ({"org_name": "  "}, "InvalidIdentifier"),
    "both empty": ({"org_id": "", "org_name": ""}, "InvalidIdentifier"),
    "an id that is a number": ({"org_id": 301}, "InvalidIdentifier"),
    "an id with a sign": ({"org_id": "-301"}, "InvalidIdentifier"),
    "an id with a blank": ({"org_id": " 301"}, "InvalidIdentifier"),
    "an id with a line break": ({"org_id": "301\n"}, "InvalidIdentifier"),
    "an id with a zero": ({"org_id": "0301"}, "InvalidIdentifier"),
    "two ids": ({"org_id": "301,302"}, "InvalidIdentifier"),
    "a list of ids": ({"org_id": ["301"]}, "InvalidIdentifier"),
    "other digits": ({"org_id": "٣٠١"}, "InvalidIdentifier"),
    "a long id": ({"org_id": "1" * 20}, "InvalidIdentifier"),
    "a path": ({"org_id": "301/../302"}, "InvalidIdentifier"),
    "a long name": ({"org_name": "n" * 256}, "InvalidIdentifier"),
    "a hidden character": ({"org_name": "TestCompany\u0000"}, "InvalidIdentifier"),
    "half a character": ({"org_name": "\ud800"}, "InvalidIdentifier"),
    "a text for true": ({**ASKED, "confirm_delete": "true"}, "InvalidRequest"),
    "a number for true": ({**ASKED, "dry_run": 1}, "InvalidRequest"),
    "null for false": ({**ASKED, "force_delete": None}, "InvalidRequest"),
    "an unknown field": ({**ASKED, "dryrun": True}, "InvalidRequest"),
    "a field in another case": ({**ASKED, "Dry_Run": True}, "InvalidRequest"),
    "a PSA link": (
        {"psa": {"integration_type": "manage", "company_id": "2"}, "confirm_delete": True},
        "InvalidRequest",
    ),
    "a PSA link beside an id": ({**ASKED, "psa": None}, "InvalidRequest"),
    "half a character in the reason": ({**ASKED, "reason": "\ud800"}, "InvalidRequest"),
    "a long reason": ({**ASKED, "reason": "r" * 2001}, "InvalidRequest"),
    "a callback that is no URL": ({**ASKED, "callback_url": "hook"}, "InvalidRequest"),
    "a callback by ftp": ({**ASKED, "callback_url": "ftp://x.example/"}, "InvalidRequest"),
    "a callback in the clear": ({**ASKED, "callback_url": "http://x.example/"}, "InvalidRequest"),
    "a callback with a password": (
        {**ASKED, "callback_url": "https://u:p@x.example/"},
        "InvalidRequest",
    ),
    "a callback to loopback": ({**ASKED, "callback_url": "https://127.1/"}, "InvalidRequest"),
    "a list": ([ASKED], "InvalidRequest"),
    "a text": ("301", "InvalidRequest"),
    "null": (None, "InvalidRequest"),
    "no JSON": (b"{", "InvalidRequest"),
    "a form": (b"org_id=301", "InvalidRequest"),
    "no bytes": (b"", "InvalidRequest"),
    "not UTF-8": (b'{"org_name": "\xff"}', "InvalidRequest"),
    "a key twice": (b'{"org_id": "301", "org_id": "302"}', "InvalidRequest"),
    "a key twice, escaped": (b'{"org_id": "301", "org_\\u0069d": "302"}', "InvalidRequest"),
    "deep": (b"[" * 100_000, "InvalidRequest"),
    "a long number": (b'{"org_id": ' + b"1" * 5000 + b"}", "InvalidRequest"),
    "no number": (b'{"org_id": NaN}', "InvalidRequest"),
    "half a key": (b'{"org_id": "301", "\\ud800": 1}', "InvalidRequest"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_malformed_creates_nothing(service: Service, redis: Redis, name: str) -> None:
    content, code = MALFORMED[name]
    message = only_error(service.ask(content), 422, code)
    assert await stored(redis) == {}
    assert "Value error" not in message
    assert len(message) < 1000


@pytest.mark.usefixtures("redis")
async def test_the_fields_at_fault_are_named(service: Service) -> None:
    answer = service.ask({"org_id": "x", "dryrun": True, "dry_run": "yes"})
    message = only_error(answer, 422, "InvalidIdentifier")
    assert message == (
        "org_id: must be an IT Glue organization id: 1 to 19 digits, no leading zero; "
        "dry_run: must be true or false; dryrun: there is no such name here"
    )


@pytest.mark.parametrize(
    "path",
    ["/v1/deletions?dry_run=true", "/v1/replays?dry_run=true", "/v1/schedules/x/sweep?dry_run=1",
     "/v1/deletions/del_1/replay?dry-run", "/v1/pause?dry_run=true"],
)  # fmt: skip
async def test_what_the_address_says_counts(service: Service, redis: Redis, path: str) -> None:
    """A rehearsal that was asked for there would be done in earnest."""
    answer = service.call("POST", path, content=json.dumps({**ASKED, "confirm_delete": True}))
    assert "body" in only_error(answer, 422, "InvalidRequest")
    assert await stored(redis) == {}


@pytest.mark.usefixtures("redis")
async def test_a_flood_of_faults_is_answered_briefly(service: Service) -> None:
    many = {"org_id": "301", **{f"field{number}": 1 for number in range(20_000)}}
    assert len(only_error(service.ask(many), 422, "InvalidRequest")) < 2000
    long = {"org_id": "301", "x" * 900_000: 1}
    assert len(only_error(service.ask(long), 422, "InvalidRequest")) < 2000


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_request(service: Service, redis: Redis, *, chunked: bool) -> None:
    body = json.dumps({**ASKED, "reason": "r" * 2**20}).encode()
    content = iter([body]) if chunked else body
    answer = service.call("POST", "/v1/deletions", content=content)
    only_error(answer, 413, "PayloadTooLarge")
    assert await stored(redis) == {}


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.text())
NAMES = st.sampled_from(
    ["org_id", "org_name", "confirm_delete", "dry_run", "reason", "callback_url", "psa"]
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(content=st.dictionaries(NAMES | st.text(max_size=9), VALUES, max_size=5))
def test_any_request_is_answered(service: Service, content: dict[str, Any]) -> None:
    answer = service.ask(content)
    if answer.status_code == 202:
        assert isinstance(content.get("org_id"), str) or isinstance(content.get("org_name"), str)
    else:
        only_error(answer, 422, answer.json()["errors"][0]["code"])


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(service: Service, body: bytes) -> None:
    answer = service.ask(body)
    code = answer.json()["errors"][0]["code"]
    # Bytes may happen to be an object without identifiers.
    assert code in {"InvalidRequest", "InvalidIdentifier"}
    only_error(answer, 422, code)
