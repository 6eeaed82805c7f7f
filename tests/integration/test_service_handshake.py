"""What a sender asks before it sends, and how it may compress what it sends."""

import base64
import gzip
import json
from datetime import UTC, datetime

import pytest

from adapters.registry import VENDORS
from tests.support.service import Service
from workers.ledger.ledger import Ledger
from workers.settings import Settings


def _secret(source: str) -> str:
    return "whsec_" + base64.b64encode(source.encode().ljust(32, b"k")).decode()


ORIGIN = "eventemitter.example.com"
SOURCES = {
    "ce": {"vendor": "cloudevents", "secrets": [_secret("ce")], "allowed_origins": [ORIGIN]},
    "shut": {"vendor": "cloudevents", "secrets": [_secret("shut")]},
    "std": {"vendor": "standard", "secrets": [_secret("std")]},
}


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Settings:
    return Settings(
        redis_url=valkey_url,
        itglue={"api_key": "ITG.x"},
        sources=SOURCES,
        policy={"mode": "preview"},
    )


@pytest.mark.parametrize(
    ("source", "origin", "status"),
    [
        ("ce", ORIGIN, 200), ("ce", "other.example.com", 403), ("ce", None, 405),
        ("ce", "*", 403), ("shut", ORIGIN, 403), ("std", ORIGIN, 405), ("none", ORIGIN, 404),
    ],
)  # fmt: skip
def test_only_known_origins(service: Service, source: str, origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"WebHook-Request-Origin": origin}
    answer = service.http.options(f"/webhooks/{source}", headers=headers)
    assert answer.status_code == status
    allowed = answer.headers.get("WebHook-Allowed-Origin")
    assert allowed == (ORIGIN if status == 200 else None)
    assert ("WebHook-Allowed-Rate" in answer.headers) == (status == 200)


async def test_a_compressed_event_is_verified_as_sent(service: Service, ledger: Ledger) -> None:
    config = Settings(itglue={"api_key": "ITG.x"}, sources=SOURCES).sources["std"]
    now = datetime.now(UTC)
    event = {
        "type": "client.inactive",
        "timestamp": now.isoformat(),
        "data": {"org_id": "301", "org_name": "A"},
    }
    body = gzip.compress(json.dumps(event).encode())
    signed = VENDORS["standard"].sign(config, body, None, "msg_gz", now)
    answer = service.send(body, source="std", headers={**signed, "content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["verdict"]) == (202, "accepted")
    delivery = await ledger.deliveries.get(answer.json()["delivery_id"])
    assert delivery.body == body
    assert ("content-encoding", "gzip") in [tuple(each) for each in delivery.headers]

    refused = service.send(body, source="std", headers={**signed, "content-encoding": "br"})
    assert refused.status_code == 415
