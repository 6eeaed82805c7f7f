"""`unglue doctor` where something is missing: that is when it is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis.asyncio import Redis

from service.cli import cli
from service.doctor.examination import examine
from service.doctor.finding import Finding
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.serve import serve
from workers.ledger.installation.heartbeats import OUTBOX, OUTBOX_LASTS, WORKER_LASTS
from workers.ledger.installation.measures import PARTS
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.settings.secrecy import SAMPLE_TOKEN_SHA256


@pytest.fixture
def sandbox() -> Iterator[str]:
    with serve(create_sandbox(SandboxSettings(), now=lambda: datetime.now(UTC))) as url:
        yield url


async def findings(url: str, redis_url: str) -> list[Finding]:
    settings = Settings(redis_url=redis_url, itglue={"base_url": url, "api_key": "ITG.sandbox"})
    return [each async for each in examine(settings)]


async def test_without_redis_the_rest_is_examined(sandbox: str) -> None:
    found = await findings(sandbox, "redis://127.0.0.1:1/0")
    assert [each.message for each in found if each.part == "redis"] == [
        "does not answer (ConnectionError)"
    ]
    (unseen,) = [each.message for each in found if each.part == "ledger"]
    assert unseen.startswith("not looked at")
    assert "accepts the key" in next(each.message for each in found if each.part == "it glue")
    assert {"configuration", "notifications", "exports", "spool"} <= {each.part for each in found}
    assert not [each for each in found if "could not be checked" in each.message]


async def test_secrets_that_everybody_knows_are_named(sandbox: str) -> None:
    operator = {"token_sha256": SAMPLE_TOKEN_SHA256, "roles": ["request"]}
    settings = Settings(
        redis_url="redis://127.0.0.1:1/0",
        itglue={"base_url": sandbox, "api_key": "ITG.sandbox"},
        operators={"alice": operator},
    )
    said = [each.message async for each in examine(settings) if each.part == "configuration"]
    assert any("everybody knows: operators.alice.token_sha256" in each for each in said)


async def test_a_safeguard_that_means_nothing_in_the_account_is_named(sandbox: str) -> None:
    settings = Settings(
        redis_url="redis://127.0.0.1:1/0",
        itglue={"base_url": sandbox, "api_key": "ITG.sandbox"},
        policy={"protected_names": ["Velvet*", "Vlevet*"], "protected_types": ["Ownr"]},
    )
    found = [each async for each in examine(settings) if each.part == "policy"]
    assert [(each.level, each.message) for each in found] == [
        ("warn", "policy.protected_names: 'Vlevet*' means no organization of the account"),
        ("warn", "policy.protected_types: 'Ownr' means no organization of the account"),
    ]
    assert all("correct it" in each.cure for each in found)


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_is_not_alive_is_a_fault(
    part: str, sandbox: str, valkey_url: str, ledger: Ledger
) -> None:
    (found,) = [e for e in await findings(sandbox, valkey_url) if e.part == part]
    assert (found.level, found.message[:15]) == ("fail", "none is alive: ")
    assert found.cure.startswith("start: unglue ")
    await ledger.heartbeats.beat(part, datetime.now(UTC), WORKER_LASTS)
    (found,) = [e for e in await findings(sandbox, valkey_url) if e.part == part]
    assert found.level == "ok"


async def test_a_redis_that_takes_no_writes(sandbox: str, valkey_url: str, redis: Redis) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        found = await findings(sandbox, valkey_url)
    finally:
        await redis.config_set("maxmemory", 0)
    (first, *_) = [each for each in found if each.part == "redis"]
    assert (first.level, first.message) == ("fail", "is full: it takes no writes")
    (first, *_) = [each for each in await findings(sandbox, valkey_url) if each.part == "redis"]
    assert first.level == "ok"


async def test_who_does_not_answer_the_sender_is_named(
    sandbox: str, valkey_url: str, ledger: Ledger
) -> None:
    now = datetime.now(UTC)
    await ledger.heartbeats.beat(OUTBOX, now, OUTBOX_LASTS)
    for _ in range(2):
        await ledger.hosts.silent("hooks.example", now)
    found, silent = [e for e in await findings(sandbox, valkey_url) if e.part == "outbox"]
    assert found.level == "ok"
    assert (silent.level, silent.message[:32]) == ("warn", "hooks.example has not answered s")


async def test_places_that_cannot_be_written_and_key_servers_that_are_not_there(
    sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cw = {
        "vendor": "connectwise",
        "host": "na.myconnectwise.net",
        "company": "Cobalt",
        "key_origin": "https://keys.invalid",
    }
    file = tmp_path / "file"
    file.touch()
    settings = Settings(
        redis_url="redis://127.0.0.1:1/0",
        itglue={"base_url": sandbox, "api_key": "ITG.sandbox"},
        audit={"file": str(file / "audit.log")},
        state_dir=str(file / "state"),
        sources={"cw": cw},
    )
    found = [each async for each in examine(settings)]
    failed = {each.part: each.message for each in found if each.level == "fail"}
    assert failed["audit"] == f"{file}/audit.log cannot be written"
    assert failed["ledger"] == f"{file}/state cannot be written"
    assert failed["sources"].startswith("signing keys of cw: the host 'keys.invalid' does not")

    monkeypatch.setattr("service.doctor.places._LITTLE_ROOM", 2**70)
    found = [each async for each in examine(settings)]
    (exports,) = [each for each in found if each.part == "exports"]
    assert exports.level == "warn"
    assert "MB are free on its disk" in exports.message


def test_its_json_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account of another address is refused by the ledger, IT Glue and Redis are away."""
    file = tmp_path / "unglue.toml"
    file.write_text(
        'redis_url = "redis://127.0.0.1:1/0"\n[itglue]\napi_key = "x"\n'
        'base_url = "http://127.0.0.1:1"\n'
    )
    monkeypatch.setenv("UNGLUE_CONFIG", str(file))
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    assert result.exit_code == 1
    parts = {each["part"] for each in json.loads(result.output)}
    assert {"redis", "it glue", "notifications", "exports"} <= parts
