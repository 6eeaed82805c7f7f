"""Who calls, and what they may do."""

import hashlib
from typing import Literal

import pytest

from adapters.errors import RoleMissing, Unauthorized
from service.access.operators import authenticate
from workers.settings.operators import Operator


def operator(token: str, *roles: Literal["request", "approve", "admin"]) -> Operator:
    return Operator(token_sha256=hashlib.sha256(token.encode()).hexdigest(), roles=roles)


OPERATORS = {"alice": operator("a-token", "request", "approve"), "bob": operator("b token")}


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("Bearer a-token", "alice"),
        ("bearer a-token", "alice"),
        ("BEARER  a-token ", "alice"),
        ("Bearer b token", "bob"),
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
        "a-token",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Basic a-token",
        "Bearera-token",
        "Bearer A-TOKEN",
        "Bearer a-toke",
        "Bearer a-token2",
        "Bearer a-token, Bearer b token",
        "Bearer tökén",
        "Bearer \u20ac",
        f"Bearer {OPERATORS['alice'].token_sha256}",
        "Bearer alice",
    ],
)
def test_nobody(authorization: str | None) -> None:
    with pytest.raises(Unauthorized) as refused:
        authenticate(OPERATORS, authorization)
    assert "a-token" not in refused.value.message
    with pytest.raises(Unauthorized):
        authenticate({}, authorization)


def test_without_operators_nobody_is_known() -> None:
    with pytest.raises(Unauthorized):
        authenticate({}, "Bearer a-token")


def test_roles() -> None:
    alice, bob = (authenticate(OPERATORS, f"Bearer {it}") for it in ("a-token", "b token"))
    alice.require("request")
    alice.require("approve")
    with pytest.raises(RoleMissing, match="alice lacks the role 'admin'"):
        alice.require("admin")
    with pytest.raises(RoleMissing):
        bob.require("request")
