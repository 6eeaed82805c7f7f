"""`unglue doctor` where something is missing: that is when it is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import cli
from service.doctor.examination import Finding, examine
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.serve import serve
from workers.ledger.installation.heartbeats import OUTBOX, OUTBOX_LASTS, WORKER, WORKER_LASTS
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


async def test_nobody_works(sandbox: str, valkey_url: str, ledger: Ledger) -> None:
    (found,) = [e for e in await findings(sandbox, valkey_url) if e.part == "worker"]
    assert (found.level, found.cure) == ("fail", "start: unglue worker")
    await ledger.heartbeats.beat(WORKER, datetime.now(UTC), WORKER_LASTS)
    (found,) = [e for e in await findings(sandbox, valkey_url) if e.part == "worker"]
    assert found.level == "ok"


async def test_nobody_sends(sandbox: str, valkey_url: str, ledger: Ledger) -> None:
    (found,) = [e for e in await findings(sandbox, valkey_url) if e.part == "outbox"]
    assert (found.level, found.cure[:20]) == ("fail", "start: unglue outbox")
    now = datetime.now(UTC)
    await ledger.heartbeats.beat(OUTBOX, now, OUTBOX_LASTS)
    for _ in range(2):
        await ledger.hosts.silent("hooks.example", now)
    found, silent = [e for e in await findings(sandbox, valkey_url) if e.part == "outbox"]
    assert found.level == "ok"
    assert (silent.level, silent.message[:32]) == ("warn", "hooks.example has not answered s")


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
