"""`unglue sources` and `unglue sources send`, against a running service."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.api.app import create_app
from service.demo.installation import free_ports
from tests.support.command import Command
from tests.support.serve import serve
from tests.support.service import configured, token

FIXTURES = Path(__file__).parent.parent / "fixtures"
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


def tables(key_port: int) -> dict[str, Any]:
    """One source a vendor."""
    return {
        "cw": {
            "vendor": "connectwise",
            "host": "na.myconnectwise.net",
            "company": "Mine",
            "key_origin": f"http://127.0.0.1:{key_port}",
            "confirm_delete": True,
        },
        "autotask": {
            "vendor": "autotask",
            "secrets": ["sixteen characters"],
            "webhook_guid": "11111111-2222-4333-8444-555555555555",
        },
        "ninja": {"vendor": "ninjaone", "secrets": ["Bearer what ninja knows"]},
        "halo": {"vendor": "halopsa", "auth": "bearer", "secrets": ["what halo knows, and we"]},
        "rewst": {"vendor": "standard", "secrets": [SECRET]},
        "events": {"vendor": "cloudevents", "secrets": ["whsec_" + "A" * 32]},
    }


def toml(sources: dict[str, Any]) -> str:
    lines = ['[itglue]\napi_key = "ITG.x"']
    for name, source in sources.items():
        values = "\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
        lines.append(f"[sources.{name}]\n{values}")
    return "\n".join(lines)


@pytest.mark.usefixtures("redis")
async def test_every_vendor_can_be_seen_moving(
    valkey_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (port,) = free_ports(1)
    sources = tables(port)
    config = tmp_path / "unglue.toml"
    config.write_text(toml(sources))
    unglue = Command(monkeypatch, capsys)
    with serve(create_app(configured(valkey_url, sources=sources))) as url:
        monkeypatch.setenv("UNGLUE_CONFIG", str(config))
        monkeypatch.setenv("UNGLUE_URL", url)
        monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
        monkeypatch.setenv("COLUMNS", "120")
        for name, fixture in (
            ("cw", "connectwise/company-updated-inactive"),
            ("autotask", "autotask/company-update-inactive"),
            ("ninja", "ninjaone/client-deleted-with-organization"),
            ("halo", "halopsa/client-inactive"),
            ("rewst", "standard/client-inactive"),
            ("events", "cloudevents/structured-client-inactive"),
            ("events", "cloudevents/structured-client-inactive"),
        ):
            body = f"{FIXTURES / fixture}.body"
            sent = unglue("sources", "send", name, body, "--json")
            assert sent.status == 0, (name, sent.err, sent.out)
            answer = json.loads(sent.out)
            assert answer["verdict"] == "accepted", (name, answer)
        assert answer["reason"] == "joined"

        client = ("--org-id", "311", "--org-name", "Velvet Anchor Laundry")
        for name in ("rewst", "events"):
            for said, becomes in (("--inactive", "accepted"), ("--active", "cancelled")):
                sent = unglue("sources", "send", name, *client, said, "--json")
                assert json.loads(sent.out)["verdict"] == becomes, (name, sent)
        assert unglue("sources", "send", "cw", *client).status == 2
        assert unglue("sources", "send", "rewst").status == 2

        listed = unglue("sources", "--json")
        rows = {row["name"]: row for row in json.loads(listed.out)}
        assert set(rows) == set(sources)
        made_up = {
            "rewst": {"accepted": 2, "cancelled": 1},
            "events": {"accepted": 3, "cancelled": 1},
        }
        for name, row in rows.items():
            assert row["verdicts"] == made_up.get(name, {"accepted": 1})
        assert not any(row["silent"] for row in rows.values())
        assert "connectwise" in unglue("sources").out


@pytest.mark.parametrize(("name", "said"), [("nobody", "nobody"), ("cw", "key_origin")])
def test_what_cannot_be_played_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    said: str,
) -> None:
    """A source that is not there, and one that only a real tenant's key proves."""
    config = tmp_path / "unglue.toml"
    cw = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Mine"}
    config.write_text(toml({"cw": cw}))
    monkeypatch.setenv("UNGLUE_CONFIG", str(config))
    body = FIXTURES / "connectwise/company-updated-inactive.body"
    sent = Command(monkeypatch, capsys)("sources", "send", name, body)
    assert (sent.status, said in sent.err) == (2, True)
