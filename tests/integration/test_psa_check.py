"""`unglue sources check` and `unglue doctor`: can the PSA be asked, and does it agree?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapters.errors import ConfigurationError
from service.cli import cli
from service.doctor.finding import Finding
from service.doctor.psa import psa_findings
from service.doctor.registered import registered_findings
from service.sandbox.psa.app import create_psa
from service.sandbox.psa.autotask import AT_KEYS
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.oauth import OAUTH_KEYS
from service.sandbox.psa.tenant import Tenant
from tests.support.serve import serve
from workers.settings import load_settings

Check = Any


@pytest.fixture
def psa() -> Tenant:
    return Tenant()


@pytest.fixture
def url(psa: Tenant) -> Iterator[str]:
    with serve(create_psa(psa)) as url:
        yield url


@pytest.fixture
def check(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """`unglue sources check …` of an installation whose PSAs are the stand-in."""
    tables: dict[str, dict[str, Any]] = {
        "cw": {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt",
               "inactive_statuses": ["Inactive", "Gone"]},
        "cw.api": {**CW_KEYS, "base_url": url},
        "at": {"vendor": "autotask", "secrets": ["sixteen characters"],
               "webhook_guid": "11111111-2222-4333-8444-555555555555"},
        "at.api": {**AT_KEYS, "base_url": url, "excluded_resources": [77]},
        "ninja": {"vendor": "ninjaone", "secrets": ["Bearer seventeen characters"]},
        "ninja.api": {**OAUTH_KEYS, "base_url": url},
        "std": {"vendor": "standard", "secrets": ["whsec_" + "A" * 32]},
    }  # fmt: skip
    lines = ['public_url = "https://unglue.example.com"', '[itglue]\napi_key = "ITG.x"']
    for name, table in tables.items():
        lines += [f"[sources.{name}]", *(f"{key} = {json.dumps(v)}" for key, v in table.items())]
    config = tmp_path / "unglue.toml"
    config.write_text("\n".join(lines))
    monkeypatch.setenv("UNGLUE_CONFIG", str(config))

    def run(*arguments: str, command: str = "check") -> Result:
        return CliRunner().invoke(cli, ["sources", command, *arguments])

    return run


def test_it_can_be_asked(psa: Tenant, check: Check) -> None:
    psa.company(250, "Violet Pump Works")
    found = check("cw", "--company", "250")
    assert found.exit_code == 0, found.output
    assert "the credentials work" in found.output
    assert "inactive is 'Inactive' (2), 'Gone' (12)" in found.output
    assert "company 250 'Violet Pump Works' is inactive: its status is 'Inactive'" in found.output
    psa.account(174, "Autotask Corporation", active=True)
    found = check("at", "--company", "174", "--json")
    assert found.exit_code == 0, found.output
    assert [each["level"] for each in json.loads(found.output)] == ["ok", "ok"]


def test_the_statuses_disagree(psa: Tenant, check: Check) -> None:
    psa.statuses = {1: ("Active", False), 2: ("Inactive", False), 3: ("Left", True)}
    found = check("cw")
    assert found.exit_code == 0
    assert "inactive in ConnectWise and not for Unglue: 'Left' (3)" in found.output
    assert "inactive for Unglue and not in ConnectWise: 'Inactive' (2)" in found.output


@pytest.mark.parametrize(
    ("fault", "words"), [(401, "refuses its credentials"), (503, "answers 503"), (404, "")]
)
@pytest.mark.parametrize("source", ["cw", "at"])
def test_it_cannot(psa: Tenant, check: Check, source: str, fault: int, words: str) -> None:
    psa.fault = fault
    found = check(source)
    assert found.exit_code == 1
    assert words in found.output
    assert f"sources.{source}.api" in found.output or "wait meanwhile" in found.output
    assert CW_KEYS["private_key"] not in found.output


def test_there_is_nothing_to_ask(check: Check) -> None:
    assert check("cw", "--company", "9").exit_code == 1
    assert check("cw", "--company", "../x").exit_code == 2
    for name in ("std", "nobody"):
        assert isinstance(check(name).exception, ConfigurationError)


async def test_doctor_says_it(psa: Tenant, check: Check) -> None:
    del check

    async def told() -> list[Finding]:
        return [each async for each in psa_findings(load_settings())]

    assert [each.level for each in await told()] == ["ok", "ok", "ok", "ok"]
    psa.fault = 401
    assert [each.level for each in await told()] == ["fail", "fail", "fail"]


# -- callbacks --------------------------------------------------------------------------------

URL = "https://unglue.example.com/webhooks/cw?recordId="
RIGHT: dict[str, Any] = {
    "id": 7, "url": URL, "type": "company", "level": "Owner", "objectId": 1, "memberId": 243,
    "inactiveFlag": False, "isSelfSuppressedFlag": True,
}  # fmt: skip
OTHERS = [
    {**RIGHT, "id": 1, "url": "https://other.example.com/webhooks/cw?recordId="},
    {**RIGHT, "id": 2, "type": "contact"},
    {**RIGHT, "id": 3, "url": "https://unglue.example.com/webhooks/cw2?recordId="},
]


def changed(psa: Tenant) -> list[str]:
    return [each for each in psa.asked if not each.startswith("GET")]


def test_nothing_is_registered_and_then_it_is(psa: Tenant, check: Check) -> None:
    psa.callbacks = list(OTHERS)
    told = check("cw", "--check", command="register")
    assert (told.exit_code, changed(psa)) == (1, [])
    assert "no callback is registered" in told.output
    assert check("cw", command="register").exit_code == 0
    *others, made = psa.callbacks
    assert others == OTHERS
    assert {name: made[name] for name in ("url", "type", "level", "inactiveFlag")} == {
        "url": URL, "type": "company", "level": "owner", "inactiveFlag": False,
    }  # fmt: skip
    # Again, and nothing more happens.
    assert check("cw", command="register").exit_code == 0
    assert check("cw", "--check", command="register").exit_code == 0
    assert len(changed(psa)) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"inactiveFlag": True}, "inactiveFlag is True, not False"),
        ({"level": "Status", "objectId": 2}, "level is 'Status', not 'owner'"),
        ({"url": URL.removesuffix("?recordId=")}, "url is"),
        ({"isSelfSuppressedFlag": None}, "isSelfSuppressedFlag is None"),
    ],
)
def test_it_is_put_right(psa: Tenant, check: Check, wrong: dict[str, Any], words: str) -> None:
    psa.callbacks = [*OTHERS, {**RIGHT, **wrong}]
    told = check("cw", "--check", command="register")
    assert (told.exit_code, changed(psa)) == (1, [])
    assert words in told.output
    assert check("cw", command="register").exit_code == 0
    assert check("cw", "--check", command="register").exit_code == 0
    (own,) = [each for each in psa.callbacks if each["id"] == 7]
    assert (own["memberId"], own["objectId"]) == (243, 1)
    assert [each for each in psa.callbacks if each["id"] != 7] == OTHERS


def test_a_second_one_is_told_and_left(psa: Tenant, check: Check) -> None:
    psa.callbacks = [{**RIGHT, "id": 8, "inactiveFlag": True}, RIGHT]
    told = check("cw", command="register")
    assert told.exit_code == 1
    assert "callback 7 is as it should be" in told.output
    assert "callback 8 sends the same again" in told.output
    assert changed(psa) == []


@pytest.mark.parametrize("fault", [401, 403, 503, 404])
def test_it_cannot_be_registered(psa: Tenant, check: Check, fault: int) -> None:
    psa.fault = fault
    told = check("cw", command="register")
    assert told.exit_code == 1
    assert told.exception is None or isinstance(told.exception, SystemExit)
    for name in ("std", "nobody"):
        for command in ("register", "unregister"):
            assert isinstance(check(name, command=command).exception, ConfigurationError)
    for name in ("at", "ninja"):
        assert check(name, command="register").exit_code == 1


def test_no_local_registration(psa: Tenant, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNGLUE_PUBLIC_URL", "http://127.0.0.1:8000")
    told = check("cw", command="register")
    assert (told.exit_code, psa.asked) == (1, [])
    assert "nobody can send to" in told.output


async def test_doctor_tells_what_is_registered(psa: Tenant, check: Check) -> None:
    del check
    psa.callbacks = [{**RIGHT, "inactiveFlag": True}]
    found = [each async for each in registered_findings(load_settings())]
    assert [(each.level, each.cure) for each in found] == [
        ("fail", "unglue sources register cw"),
        ("fail", "unglue sources register at"),
        ("ok", "to set it (again): unglue sources register ninja"),
    ]
    assert [each for each in changed(psa) if "query" not in each] == []


GUID = "11111111-2222-4333-8444-555555555555"
OTHER = {"id": 3, "webhookUrl": "https://other.example.com/webhooks/at", "isActive": True}


def test_autotask_gets_its_webhook_with_its_fields(psa: Tenant, check: Check) -> None:
    psa.webhooks = [dict(OTHER)]
    told = check("at", "--check", command="register")
    assert (told.exit_code, psa.webhooks) == (1, [OTHER])
    assert "no webhook is registered" in told.output
    told = check("at", command="register")
    _, made = psa.webhooks
    assert (told.exit_code, made["webhookGUID"] in told.output) == (1, True)
    assert (made["webhookUrl"], made["secretKey"], made["isActive"]) == (
        "https://unglue.example.com/webhooks/at", "sixteen characters", True,
    )  # fmt: skip
    assert [(row["fieldID"], row["isSubscribedField"]) for row in psa.fields] == [
        (5, True), (3, False),
    ]  # fmt: skip
    assert [row["resourceID"] for row in psa.excluded] == []
    # It is the configured one now; whose changes are not to be sent is put right.
    made["webhookGUID"] = GUID
    told = check("at", "--check", command="register")
    assert "excluded resource is 'none', not 77" in told.output
    assert check("at", command="register").exit_code == 0
    assert [row["resourceID"] for row in psa.excluded] == [77]
    assert check("at", "--check", command="register").exit_code == 0
    assert psa.webhooks[0] == OTHER


@pytest.mark.parametrize("wrong", ["off", "silent", "deletes"])
def test_autotask_is_put_right(psa: Tenant, check: Check, wrong: str) -> None:
    check("at", command="register")
    psa.webhooks[0]["webhookGUID"] = GUID
    check("at", command="register")
    match wrong:
        case "off":
            psa.webhooks[0]["isActive"] = False
        case "silent":
            psa.fields[0]["isDisplayAlwaysField"] = False
        case _:
            psa.webhooks[0]["isSubscribedToDeleteEvents"] = False
    assert check("at", "--check", command="register").exit_code == 1
    assert check("at", command="register").exit_code == 0
    assert check("at", "--check", command="register").exit_code == 0
    assert len(psa.webhooks) == 1


def test_ninja_gets_its_webhook_with_its_header(psa: Tenant, check: Check) -> None:
    assert check("ninja", "--check", command="register").exit_code == 0
    assert changed(psa) == []
    for _ in range(2):
        assert check("ninja", command="register").exit_code == 0
    assert psa.webhook is not None
    assert psa.webhook["url"] == "https://unglue.example.com/webhooks/ninja"
    assert psa.webhook["headers"] == [
        {"name": "authorization", "value": "Bearer seventeen characters"}
    ]
    assert list(psa.webhook["activities"]) == ["SYSTEM"]
    assert check("ninja", command="unregister").exit_code == 0
    assert psa.webhook is None


@pytest.mark.parametrize("source", ["at", "ninja"])
def test_the_secret_is_made_where_its_file_is_not_there(
    psa: Tenant, check: Check, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "secrets" / source
    stored.parent.mkdir()
    monkeypatch.setenv(f"UNGLUE_SOURCES__{source.upper()}__SECRETS_FILE", str(stored))
    told = check(source, "--check", command="register")
    assert (told.exit_code, psa.asked, list(stored.parent.iterdir())) == (1, [], [])
    assert "names a file that is not there" in told.output
    # While the vendor does not take it, nothing is stored: nobody would have the same secret.
    psa.fault = 503
    assert check(source, command="register").exit_code == 1
    assert list(stored.parent.iterdir()) == []
    psa.fault = None
    # One that was registered with a secret that nobody knows any more gets the new one, too.
    psa.webhooks = [dict(OTHER)]
    if source == "at":
        old = {**OTHER, "id": 4, "webhookUrl": "https://unglue.example.com/webhooks/at"}
        psa.webhooks.append({**old, "webhookGUID": GUID, "secretKey": "nobody knows it"})
    told = check(source, command="register")
    assert told.exit_code == 0, told.output
    assert [each.name for each in stored.parent.iterdir()] == [source]
    assert stored.stat().st_mode & 0o777 == 0o600
    (secret,) = json.loads(stored.read_text())
    assert len(secret) >= 43
    assert secret not in told.output
    assert str(stored) not in told.output
    if source == "at":
        assert [row.get("secretKey") for row in psa.webhooks] == [None, secret]
    else:
        assert psa.webhook is not None
        assert psa.webhook["headers"] == [{"name": "authorization", "value": secret}]
        assert secret.startswith("Bearer ")
    # It is the configured one from here on, and stays.
    config = load_settings().sources[source]
    assert config.secrets == (secret,)  # type: ignore[attr-defined] # both have some
    assert check(source, command="register").exit_code == 0
    assert json.loads(stored.read_text()) == [secret]


def test_a_secret_that_cannot_be_stored_is_not_registered(
    psa: Tenant, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "UNGLUE_SOURCES__AT__SECRETS_FILE"
    # The second one is a secret by mistake.
    for path in (tmp_path / "nowhere" / "at", Path("a-secret-of-sixteen-and-more")):
        monkeypatch.setenv(variable, str(path))
        refused = check("at", command="register").exception
        assert isinstance(refused, ConfigurationError)
        assert variable in refused.message
        assert str(path) not in refused.message
    assert psa.webhooks == []
    monkeypatch.setenv("UNGLUE_PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv(variable, str(tmp_path / "at"))
    assert check("at", command="register").exit_code == 1
    assert not (tmp_path / "at").exists()


def test_what_is_ours_is_removed_and_nothing_else(psa: Tenant, check: Check) -> None:
    psa.callbacks = [*OTHERS, RIGHT]
    psa.webhooks = [dict(OTHER)]
    check("at", command="register")
    for name in ("cw", "at"):
        told = check(name, command="unregister")
        assert (told.exit_code, "was removed" in told.output) == (0, True)
        assert "sends here" in check(name, command="unregister").output
    assert (psa.callbacks, psa.webhooks) == (OTHERS, [OTHER])
    psa.fault = 503
    assert check("cw", command="unregister").exit_code == 1
