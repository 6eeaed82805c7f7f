"""`unglue doctor` on the identity provider, and on what the configuration no longer names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.doctor.examination import examine
from service.doctor.finding import Finding
from service.doctor.sign_on import sign_on_findings
from tests.support.identity import CLIENT, CLIENT_SECRET, Identity, identity_provider
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.upkeep.silence import warn_of_gone_sources


@pytest.fixture(scope="module")
def started() -> Iterator[Identity]:
    with identity_provider() as provider:
        yield provider


async def findings(issuer: str, **oidc: Any) -> list[tuple[str, str]]:
    settings = Settings(
        itglue={"base_url": "http://127.0.0.1:9", "api_key": "k"},
        secret_keys=["an-own-key-of-more-than-32-characters"],
        operators={"carol": {"sign_on": "carol@example.com", "roles": ["approve"]}},
        oidc={"issuer": issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET, **oidc},
    )
    return [(each.level, each.message) async for each in sign_on_findings(settings)]


async def test_a_provider_that_can_be_used(started: Identity) -> None:
    found = await findings(started.issuer)
    assert [level for level, _ in found] == ["ok"] * 3
    assert found[2] == ("ok", f"accepts the client {CLIENT}")
    assert started.redeemed == []


async def test_without_one_nothing_is_said() -> None:
    assert [each async for each in sign_on_findings(Settings(itglue={"api_key": "k"}))] == []


async def test_each_trouble_is_named(started: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    ((level, said),) = await findings("http://127.0.0.1:1")
    assert (level, "does not answer" in said) == ("fail", True)
    ((level, said),) = await findings(f"{started.issuer}/")
    assert (level, "calls itself" in said) == ("fail", True)
    wrong = await findings(started.issuer, client_secret="another")
    assert [level for level, _ in wrong] == ["ok", "ok", "fail"]
    assert wrong[2][1] == f"does not accept the client {CLIENT}: invalid_client (status 401)"
    monkeypatch.setitem(started.about, "jwks_uri", f"{started.issuer}/nothing")
    without_keys = await findings(started.issuer)
    assert [level for level, _ in without_keys] == ["ok", "fail", "ok"]


async def configured(valkey_url: str, **tables: Any) -> list[Finding]:
    itglue = {"base_url": "http://127.0.0.1:9", "api_key": "k"}
    settings = Settings(redis_url=valkey_url, itglue=itglue, **tables)
    return [each async for each in examine(settings)]


async def test_a_source_that_was_renamed_is_missed(valkey_url: str, ledger: Ledger) -> None:
    delivery = {"id": "dlv_1", "source": "rewst", "vendor": "standard", "headers": "[]"}
    event = {"event_id": "e", "kind": "ignored", "reason": "other_type"}
    now = datetime.now(UTC)
    await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[event], now=now)
    secret = "whsec_" + "c2VjcmV0LW9mLXRoaXMtc291cmNlLTEyMw=="
    named = {"rewst": {"vendor": "standard", "secrets": [secret]}}
    for name, lost in (("rewst", False), ("rewst2", True)):
        sources = {name: named["rewst"]}
        found = await configured(valkey_url, sources=sources)
        told = [each for each in found if each.part == "sources"]
        assert bool(told) is lost
        settings = Settings(itglue={"api_key": "k"}, sources=sources)
        with capture_logs() as lines:
            await warn_of_gone_sources(settings, ledger)
        assert [line["source"] for line in lines] == (["rewst"] if lost else [])
    assert told[0].message.startswith("rewst sent something at ")
    assert "give it its old name back" in told[0].cure
