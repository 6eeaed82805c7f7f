"""Secrets that would not protect are refused at the start, and never quoted."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.autotask.config import AutotaskApi
from adapters.connectwise.config import ConnectWiseApi
from adapters.registry import VENDORS
from workers.settings import Settings
from workers.settings.destinations import CallbackSettings, Notification
from workers.settings.itglue import ITGlueSettings
from workers.settings.operators import OidcSettings, Operator
from workers.settings.policy import PolicySettings
from workers.settings.secrecy import _SHORTEST, MADE_ELSEWHERE, SAMPLE_SECRET, SAMPLE_TOKEN_SHA256

OWN = "whsec_" + "A" * 32
OTHER = "whsec_" + "B" * 32
LOOPBACK = {"api_key": "x", "base_url": "http://127.0.0.1:8200"}


def installed(**tables: Any) -> Settings:
    return Settings(**{"itglue": {"api_key": "ITG.x"}, **tables})


def standard(*secrets: str) -> dict[str, Any]:
    return {"vendor": "standard", "secrets": list(secrets)}


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        (
            {"sources": {"careful": standard(OWN), "bold": standard(OTHER, OWN)}},
            ("sources.careful.secrets", "sources.bold.secrets"),
        ),
        (
            {"sources": {"one": standard(OWN)}, "callback": {"secrets": [OWN]}},
            ("sources.one.secrets", "callback.secrets"),
        ),
    ],
)
def test_one_secret_has_one_owner(tables: dict[str, Any], names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        installed(**tables)
    for name in names:
        assert name in str(refused.value)
    assert OWN not in str(refused.value)


RAW = bytes(range(1, 26))
B64 = base64.b64encode(RAW).decode()
AUTOTASK = {"vendor": "autotask", "webhook_guid": "4b1f5f4e-3a1e-4d0c-9d5e-0d6f6c3c8f10"}


@pytest.mark.parametrize(
    "sources",
    [
        # The last letter of a base64 has bits that nobody reads.
        {"one": standard(f"whsec_{B64}"), "two": standard(f"whsec_{B64[:-3]}R==")},
        {
            "one": standard(f"whsec_{B64}"),
            "two": {"vendor": "cloudevents", "secrets": [f"whsec_{B64}"]},
        },
        {"one": standard(f"whsec_{B64}"), "two": {**AUTOTASK, "secrets": [B64]}},
        {"one": {**AUTOTASK, "secrets": [RAW.hex()]},
         "two": {"vendor": "ninjaone", "header": "x-key", "secrets": [RAW.hex().upper()]}},
        {"one": {**AUTOTASK, "secrets": [f" {RAW.hex()}"]},
         "two": {"vendor": "standard", "secrets": [f"whsec_{B64}"]}},
        {"one": {"vendor": "ninjaone", "header": "authorization", "secrets": [f"Bearer {B64}"]},
         "two": {"vendor": "halopsa", "auth": "bearer", "secrets": [B64]}},
        {"one": {"vendor": "ninjaone", "header": "authorization", "secrets": [
            "Basic " + base64.b64encode(b"halo:a secret that both have").decode()]},
         "two": {"vendor": "halopsa", "auth": "basic", "username": "halo",
                 "secrets": ["a secret that both have"]}},
    ],
)  # fmt: skip
def test_nor_has_it_two_under_another_writing(sources: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"sources\.two\.secrets has a secret that sources"):
        installed(sources=sources)
    for source in sources.values():
        installed(sources={"one": source})


def test_what_people_are_told_is_signed_by_a_secret_of_its_own() -> None:
    told = {"url": "https://one.example.com", "format": "json", "secrets": [OWN]}
    both = {"one": told, "two": {**told, "url": "https://two.example.com"}}
    installed(notifications=both)
    with pytest.raises(ValidationError, match="too, perhaps in another writing"):
        installed(notifications=both, sources={"one": standard(OWN)})


def test_a_source_may_keep_several_of_its_own() -> None:
    installed(sources={"one": standard(OWN, OTHER)})


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        ({"operators": {"al": {"token_sha256": SAMPLE_TOKEN_SHA256}}}, "operators.al.token_sha256"),
        ({"callback": {"secrets": [SAMPLE_SECRET]}}, "callback.secrets"),
    ],
)
def test_the_samples_are_for_a_loopback_host(tables: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        installed(**tables)
    installed(**{**tables, "itglue": LOOPBACK})


BEARER = {"vendor": "halopsa", "auth": "bearer"}


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        ({"secret_keys": ["k" * 31]}, "secret_keys"),
        ({"secret_keys": [OWN, ""]}, "secret_keys"),
        ({"secret_keys": [OWN, " " * 40]}, "secret_keys"),
        ({"secret_keys": [" short " + " " * 40]}, "secret_keys"),
        ({"secret_keys": ["k" * 40]}, "secret_keys"),
        ({"policy": {"export_zip_password": "fifteen letters"}}, "policy.export_zip_password"),
        ({"sources": {"halo": {**BEARER, "secrets": ["x" * 16]}}}, "sources.halo.secrets"),
    ],
)
def test_what_can_be_guessed_is_refused(tables: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} has a secret that could be guessed"):
        installed(**tables)


def test_what_is_long_enough_is_taken() -> None:
    installed(secret_keys=[OWN], policy={"export_zip_password": "sixteen letters!"})


def test_every_secret_is_in_the_table() -> None:
    """One that is not would have no least length."""
    models: list[Any] = [Settings, CallbackSettings, Notification, ITGlueSettings, PolicySettings]
    models += [Operator, OidcSettings, *(vendor.config for vendor in VENDORS.values())]
    models += [ConnectWiseApi, AutotaskApi]
    secret = {
        name for model in models for name, field in model.model_fields.items() if not field.repr
    }
    assert secret == {*_SHORTEST, *MADE_ELSEWHERE}


@pytest.mark.parametrize("key", ["ITG.é", "ITG. x", "ITG.x\n"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ValidationError, match="sent in a header"):
        installed(itglue={"api_key": key})


@pytest.mark.parametrize(
    ("prefix", "taken"),
    [("unglue:", True), ("a-b_C:9:", True), ("unglue", False), (":", False), ("ü:", False),
     ("a b:", False), ("a*:", False)],
)  # fmt: skip
def test_a_prefix_of_its_own(prefix: str, taken: bool) -> None:
    if taken:
        assert installed(redis_prefix=prefix).redis_prefix == prefix
    else:
        with pytest.raises(ValidationError, match="with a : at the end"):
            installed(redis_prefix=prefix)
