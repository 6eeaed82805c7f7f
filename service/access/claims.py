"""Single sign-on without the wire: what belongs to one, and whom its claims name. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.errors import Unauthorized
from service.access.proxied import operator_of
from workers.settings import Settings
from workers.settings.operators import Role

_NAME: Final = re.compile(r"[\w.@+|:/-]{1,100}", re.ASCII)
_ROLES: Final[tuple[Role, ...]] = ("request", "approve", "admin")


class SignOnFailed(Unauthorized):
    """The provider did not say who it is, or not in a way that proves it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-on under way, which the browser keeps until the provider sends it back."""

    state: str
    nonce: str
    verifier: str


def named_by(settings: Settings, claims: Mapping[str, Any]) -> tuple[str, tuple[Role, ...] | None]:
    """The operator and what roles the claims give; `None`: the file's. Raises Unauthorized."""
    oidc = settings.oidc
    value = claims.get(oidc.claim)
    if not isinstance(value, str) or not value:
        raise Unauthorized(f"the identity provider does not say {oidc.claim}")
    if oidc.claim == "email" and claims.get("email_verified") is False:
        raise Unauthorized("the identity provider did not verify your address")
    operator = operator_of(settings, value)
    if not oidc.roles_claim:
        if not operator:
            raise Unauthorized(f"no operator has sign_on = {value!r}")
        return operator, None
    groups = [each for each in _held(claims, oidc.roles_claim) if each in oidc.roles]
    if not groups:
        raise Unauthorized(f"nothing in {oidc.roles_claim} gives {value} a role here")
    given = {role for group in groups for role in oidc.roles[group]}
    return operator or _stranger(settings, value), tuple(each for each in _ROLES if each in given)


def _held(claims: Mapping[str, Any], name: str) -> list[str]:
    """What a claim holds, also one that lies deeper, like `realm_access.roles`."""
    found: Any = claims
    for part in (name,) if name in claims else name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    values = found if isinstance(found, list) else [found]
    return [each for each in values if isinstance(each, str)]


def _stranger(settings: Settings, value: str) -> str:
    """The name of somebody who is not in the file: never one that could be taken for who is.

    Providers take a name in any case, and some hand it on as it was typed: one person is one.
    """
    if not _NAME.fullmatch(value):
        raise Unauthorized("your name at the identity provider cannot be an operator's")
    known = {*settings.operators, *(each.sign_on for each in settings.operators.values())}
    if value.casefold() in {each.casefold() for each in known}:
        raise Unauthorized(
            f"{value} is an operator of unglue.toml; if that is you, the operator needs sign_on"
        )
    return value.casefold()
