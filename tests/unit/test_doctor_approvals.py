"""Whether those who are to approve will hear of it, and may."""

from typing import Any

import pytest

from service.doctor.configuration import approvals
from workers.settings import Settings

ROLES: Any = ["request", "approve"]
BOTH = {
    name: {"token_sha256": digit * 64, "roles": ROLES} for name, digit in (("a", "0"), ("b", "1"))
}
CHAT = {"url": "https://chat.example.com/x", "format": "slack"}
WELL: dict[str, Any] = {
    "itglue": {"api_key": "x"},
    "policy": {"approval": "always"},
    "secret_keys": ["one of the keys, long enough to be one"],
    "operators": BOTH,
    "notifications": {"ops": CHAT},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"policy": {"approval": "never"}, "secret_keys": [], "operators": {}}, []),
        ({"secret_keys": []}, ["links to approve with cannot be signed"]),
        ({"notifications": {}}, ["nobody is told what waits for approval"]),
        (
            {"notifications": {"ops": {**CHAT, "kinds": ["failed"]}}},
            ["nobody is told what waits for approval"],
        ),
        ({"operators": {"a": BOTH["a"]}}, ["only a may approve"]),
    ],
)
def test_what_the_doctor_says(change: dict[str, Any], said: list[str]) -> None:
    found = approvals(Settings(**{**WELL, **change}))
    assert [each.message for each in found] == said
    assert all(each.level == "warn" and each.cure for each in found)
