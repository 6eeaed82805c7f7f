"""What is missed only once something has happened."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from adapters.errors import ConfigurationError
from service.doctor.finding import Finding, alone
from service.doctor.pilot import unnoticed
from workers.settings import Settings

CW = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "C"}
WELL: dict[str, Any] = {
    "itglue": {"api_key": "x"},
    "public_url": "https://unglue.example.com",
    "secret_keys": ["one of the keys, long enough to be one"],
    "spool_dir": "spool",
    "operators": {
        name: {"token_sha256": digit * 64, "roles": ["request", "approve"]}
        for name, digit in (("a", "0"), ("b", "1"))
    },
    "sources": {"cw": {**CW, "confirm_delete": True, "approval": "always"}},
}
CONFIRMED = {"sources": {"cw": {**CW, "confirm_delete": True}}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"spool_dir": ""}, ["spool"]),
        ({"public_url": "http://127.0.0.1:8000"}, ["configuration"]),
        (
            {
                "public_url": "http://localhost",
                "itglue": {"base_url": "http://[::1]:1", "api_key": "x"},
            },
            [],
        ),
        ({"operators": {"a": WELL["operators"]["a"]}}, ["operators"]),
        ({"secret_keys": [], "policy": {"mode": "preview"}}, ["audit"]),
        (CONFIRMED, ["policy"]),
        ({**CONFIRMED, "policy": {"dependency_limits": {"configs": 3}}}, []),
        ({**CONFIRMED, "policy": {"dependency_limits": {"contacts": "unlimited"}}}, []),
        ({**CONFIRMED, "policy": {"approval": "always"}}, []),
        ({"sources": {"cw": CW}}, []),
    ],
)
def test_what_the_doctor_says(change: dict[str, Any], said: list[str]) -> None:
    found = list(unnoticed(Settings(**{**WELL, **change})))
    assert [each.part for each in found] == said
    assert all(each.level == "warn" and each.cure for each in found)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError("spool_dir is a file"), "could not be checked: spool_dir is a file"),
        (RuntimeError("https://hooks.example.com/s3cret"), "could not be checked: RuntimeError"),
    ],
)
async def test_a_check_that_breaks_is_a_finding(error: Exception, words: str) -> None:
    async def check() -> AsyncGenerator[Finding]:
        yield Finding("it glue", "ok", "so far")
        raise error

    found = [each async for each in alone("it glue", check())]
    assert [each.message for each in found] == ["so far", words]
    assert found[1].level == "fail"
