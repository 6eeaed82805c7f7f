"""Who calls, and what they may do."""

import base64
import hashlib
from typing import Literal

import pytest

from adapters.errors import RoleMissing, Unauthorized
from service.access.operators import authenticate, authenticate_basic
from workers.settings.operators import Operator


def operator(token: str, *roles: Literal["request", "approve", "admin"]) -> Operator:
    return Operator(token_sha256=hashlib.sha256(token.encode()).hexdigest(), roles=roles)


OPERATORS = {
    "alice": operator("a-token-as-long-as-it-must-be", "request", "approve"),
    "bob": operator("b token as long as it must be"),
}


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("Bearer a-token-as-long-as-it-must-be", "alice"),
        ("bearer a-token-as-long-as-it-must-be", "alice"),
        ("BEARER  a-token-as-long-as-it-must-be ", "alice"),
        ("Bearer b token as long as it must be", "bob"),
    ],
)
def test_known(authorization: str, name: str) -> None:
    caller = authenticate(OPERATORS, authorization)
    assert (caller.name, caller.roles) == (name, OPERATORS[name].roles)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "a-token-as-long-as-it-must-be",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Basic a-token-as-long-as-it-must-be",
        "Bearera-token-as-long-as-it-must-be",
        "Bearer A-TOKEN-AS-LONG-AS-IT-MUST-BE",
        "Bearer a-token-as-long-as-it-must-b",
        "Bearer a-token-as-long-as-it-must-be2",
        "Bearer a-token-as-long-as-it-must-be, Bearer b token as long as it must be",
        "Bearer tökén",
        "Bearer \u20ac",
        f"Bearer {OPERATORS['alice'].token_sha256}",
        "Bearer alice",
    ],
)
def test_nobody(authorization: str | None) -> None:
    with pytest.raises(Unauthorized) as refused:
        authenticate(OPERATORS, authorization)
    assert "a-token-as-long-as-it-must-be" not in refused.value.message
    with pytest.raises(Unauthorized):
        authenticate({}, authorization)


def test_without_operators_nobody_is_known() -> None:
    with pytest.raises(Unauthorized):
        authenticate({}, "Bearer a-token-as-long-as-it-must-be")


def test_roles() -> None:
    alice, bob = (
        authenticate(OPERATORS, f"Bearer {it}")
        for it in ("a-token-as-long-as-it-must-be", "b token as long as it must be")
    )
    alice.require("request")
    alice.require("approve")
    with pytest.raises(RoleMissing, match="alice lacks the role 'admin'"):
        alice.require("admin")
    with pytest.raises(RoleMissing):
        bob.require("request")


def test_what_could_be_guessed_is_nobodys() -> None:
    operators = {"alice": operator("x" * 23), "bob": operator("y" * 24)}
    assert authenticate(operators, f"Bearer {'y' * 24}").name == "bob"
    with pytest.raises(Unauthorized, match="24 characters"):
        authenticate(operators, f"Bearer {'x' * 23}")
    basic = base64.b64encode(b"alice:" + b"x" * 23).decode()
    with pytest.raises(Unauthorized, match="24 characters"):
        authenticate_basic(operators, f"Basic {basic}")


def test_the_samples_are_for_rehearsals_and_short() -> None:
    assert authenticate({"alice": operator("rehearsal")}, "Bearer rehearsal").name == "alice"


def test_only_a_short_token_is_told_how_long_one_is() -> None:
    with pytest.raises(Unauthorized) as unknown:
        authenticate(OPERATORS, f"Bearer {'z' * 24}")
    assert "characters" not in unknown.value.message
    with pytest.raises(Unauthorized) as unknown:
        authenticate_basic(OPERATORS, f"Basic {base64.b64encode(b'alice:' + b'z' * 24).decode()}")
    assert "characters" not in unknown.value.message
    with pytest.raises(Unauthorized, match="at least 24 characters"):
        authenticate(OPERATORS, f"Bearer {'z' * 23}")
