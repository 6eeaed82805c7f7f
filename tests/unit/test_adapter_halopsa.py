"""HaloPSA events: what is proved, and what a body written by its owner may say."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.errors import SignatureInvalid
from adapters.halopsa.adapter import HaloPSA
from adapters.halopsa.config import HaloPSAConfig
from adapters.headers import Headers
from adapters.models import Ignored, Reactivated, Rejected, Request, Verdict

ADAPTER = HaloPSA()
NOW = datetime(2026, 6, 11, 10, tzinfo=UTC)
BASIC = {"auth": "basic", "username": "unglue", "secrets": ("test-password-0001", "x" * 16)}
BEARER = {"auth": "bearer", "secrets": ("test-token-00000001",)}
HEADER = {"auth": "header", "header": "X-Unglue", "secrets": ("test-token-00000001",)}


def config(**changes: Any) -> HaloPSAConfig:
    chosen = changes if "auth" in changes else BASIC | changes
    return HaloPSAConfig(**{"vendor": "halopsa"} | chosen)


def event(**changes: Any) -> dict[str, Any]:
    return {"client_id": 57, "client_name": "Example Client", "inactive": True} | changes


def read(message: Any, now: datetime = NOW, **settings: Any) -> tuple[Verdict, ...]:
    return ADAPTER.read(config(**settings), Headers(()), json.dumps(message).encode(), now)


def reasons(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [v.reason for v in verdicts if isinstance(v, Rejected | Ignored)]


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        (BASIC, {"authorization": "Basic dW5nbHVlOnRlc3QtcGFzc3dvcmQtMDAwMQ=="}),
        (BASIC, {"authorization": "Basic " + base64.b64encode(b"unglue:" + b"x" * 16).decode()}),
        (BEARER, {"authorization": "Bearer test-token-00000001"}),
        (HEADER, {"x-unglue": "test-token-00000001"}),
    ],
)
def test_each_way_of_authentication(settings: dict[str, Any], headers: dict[str, str]) -> None:
    ADAPTER.verify(config(**settings), Headers.of(headers), b"", None, NOW)
    (name, value), *_ = headers.items()
    for wrong in (value + "=", value.upper(), "", "Basic", value.split()[-1] + "x"):
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(config(**settings), Headers.of({name: wrong}), b"", None, NOW)


def test_the_request_is_by_name() -> None:
    (verdict,) = read(event(client_id="57", inactive="TRUE", occurred_at="2026-06-11T09:00:00Z"))
    assert isinstance(verdict, Request)
    assert verdict.client == "id:57"
    assert verdict.occurred_at == datetime(2026, 6, 11, 9, tzinfo=UTC)
    assert verdict.request.plain() == {
        "org_name": "Example Client",
        "confirm_delete": False,
        "dry_run": False,
        "force_delete": False,
        "reason": "HaloPSA client 57 is inactive",
    }


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (event(inactive=None), "inactive_missing"),
        (event(inactive="$-INACTIVE"), "inactive_malformed"),
        (event(client_name=""), "name_missing"),
        (event(client_name=["x"]), "name_malformed"),
        (event(client_id="57a"), "client_id_malformed"),
        (event(client_id=None, client_name=None), "client_missing"),
        (event(client_id=None, client_name="\x00", inactive=False), "client_missing"),
        ({}, "client_missing"),
        ({"ticket": {"id": 1}}, "other_entity"),
        (7, "not_object"),
        ([], "batch_empty"),
        ([event()] * 201, "batch_too_large"),
    ],
)
def test_what_is_not_understood_is_kept(message: Any, reason: str) -> None:
    assert reasons(read(message)) == [reason]


def test_an_event_about_a_client_is_none_about_a_ticket() -> None:
    (verdict,) = read(event(ticket={"id": 1}))
    assert isinstance(verdict, Request)


def test_a_client_without_an_id_goes_by_its_name() -> None:
    (verdict,) = read(event(client_id=""))
    assert isinstance(verdict, Request)
    assert verdict.client == "name:example client"


def test_a_batch_is_judged_event_by_event() -> None:
    first, *rest = read([event(client_id=1), 7, {"action": {}}, event(client_id=2, inactive="x")])
    assert isinstance(first, Request)
    assert reasons(tuple(rest)) == ["not_object", "other_entity", "inactive_malformed"]


def test_the_same_inactive_event_is_one_whatever_batch_it_comes_in() -> None:
    (alone,) = read(event())
    _, batched = read(
        [event(client_id=1), dict(reversed(event().items()))], NOW + timedelta(hours=1)
    )
    assert alone.event_id == batched.event_id


def test_each_active_event_counts() -> None:
    """Active, inactive, active in the same words: the last one must keep the client."""
    active = event(inactive=False)
    verdicts = read([active, event(), active]) + read(active, NOW + timedelta(seconds=1))
    ids = [verdict.event_id for verdict in verdicts if isinstance(verdict, Reactivated)]
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (BASIC | {"confirm_delete": True}, "HaloPSA signs nothing"),
        (BEARER | {"confirm_delete": True}, "HaloPSA signs nothing"),
        ({"auth": "basic", "secrets": BASIC["secrets"]}, "username"),
        (BASIC | {"username": "a:b"}, "pattern"),
        (BEARER | {"username": "unglue"}, "username"),
        (BEARER | {"header": "X-Unglue"}, "header"),
        (BEARER | {"secrets": ("short",)}, "at least 16"),
        (BEARER | {"pointers": {"client": "/x"}}, "Extra inputs"),
    ],
)
def test_mistakes_in_the_configuration_are_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)
