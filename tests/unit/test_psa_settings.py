"""Credentials of a PSA: optional, secret, and what they are for is said by nothing else."""

from pathlib import Path
from typing import Any

import pytest

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import ConfigurationError
from service.commands.config import _plain
from workers.audit.configuration import configuration_of
from workers.settings import Settings, load_settings

CW = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt"}
KEYS = {"public_key": "PUB", "private_key": "very-private", "client_id": "guid"}


def source(**more: Any) -> ConnectWiseConfig:
    return ConnectWiseConfig.model_validate({**CW, **more})


@pytest.mark.parametrize(
    ("more", "asks"),
    [
        ({}, False),
        ({"ask_source": False}, False),
        ({"api": KEYS}, True),
        ({"api": KEYS, "ask_source": True}, True),
        ({"api": KEYS, "ask_source": False}, False),
    ],
)
def test_who_has_credentials_asks(more: dict[str, Any], asks: bool) -> None:
    assert source(**more).asks is asks


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ask_source": True}, "ask_source needs the credentials"),
        ({"api": {**KEYS, "base_url": "http://cw.example.com"}}, "must be https"),
        ({"api": {**KEYS, "base_url": "https://cw.example.com/apis"}}, "no path"),
        ({"api": {**KEYS, "private_key": "a\nb"}}, "private_key"),
        ({"api": {**KEYS, "privat_key": "x"}}, "privat_key"),
        ({"api": {"public_key": "PUB"}}, "private_key"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as told:
        load_settings(
            {"UNGLUE_CONFIG": str(written(tmp_path, more)), "UNGLUE_ITGLUE__API_KEY": "k"}
        )
    assert "very-private" not in told.value.message


def written(folder: Path, more: dict[str, Any]) -> Path:
    api = more.pop("api", None) if "api" in (more := dict(more)) else None
    lines = ["[sources.cw]", *(f"{key} = {_toml(value)}" for key, value in {**CW, **more}.items())]
    if api is not None:
        lines += ["[sources.cw.api]", *(f"{key} = {_toml(value)}" for key, value in api.items())]
    path = folder / "unglue.toml"
    path.write_text("\n".join(lines))
    return path


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"""{value}"""'


def test_the_private_key_lies_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    rest = {name: value for name, value in KEYS.items() if name != "private_key"}
    settings = load_settings(
        {
            "UNGLUE_CONFIG": str(written(tmp_path, {"api": rest})),
            "UNGLUE_ITGLUE__API_KEY": "k",
            "UNGLUE_SOURCES__CW__API__PRIVATE_KEY_FILE": str(tmp_path / "key"),
        }
    )
    config = settings.sources["cw"]
    assert isinstance(config, ConnectWiseConfig)
    assert config.api is not None
    assert config.api.private_key == "from-a-file"


def test_no_secret_is_shown() -> None:
    settings = Settings(itglue={"api_key": "ITG.x"}, sources={"cw": {**CW, "api": KEYS}})
    shown = [repr(settings), str(_plain(settings)), str(configuration_of(settings).plain())]
    assert not [text for text in shown if "very-private" in text]
    assert "sources.cw.api.private_key" in configuration_of(settings).secrets


@pytest.mark.parametrize(
    ("host", "base_url", "origin"),
    [
        ("na.myconnectwise.net", None, "https://api-na.myconnectwise.net"),
        ("api-eu.myconnectwise.net", None, "https://api-eu.myconnectwise.net"),
        ("cw.example.com", None, "https://cw.example.com"),
        ("cw.example.com", "https://other.example.com/", "https://other.example.com"),
        ("cw.example.com", "http://127.0.0.1:8", "http://127.0.0.1:8"),
    ],
)
def test_where_connectwise_is_asked(host: str, base_url: str | None, origin: str) -> None:
    api = {**KEYS, **({"base_url": base_url} if base_url else {})}
    assert source(host=host, api=api).api_origin == origin
