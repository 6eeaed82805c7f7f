"""Operators: who calls, and what they may do."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.errors import RoleMissing, Unauthorized
from workers.settings.operators import Operator, Role
from workers.settings.secrecy import SAMPLES

# In characters. A hash does not tell how long its token is, so this is asked when one is used.
SHORTEST: Final = 24


@dataclass(frozen=True, slots=True)
class Caller:
    """A known operator."""

    name: str
    roles: tuple[Role, ...]

    def require(self, role: Role) -> None:
        """Go on only with this role. Raises RoleMissing: the operator does not have it."""
        if role not in self.roles:
            raise RoleMissing(f"operator {self.name} lacks the role {role!r}")

    def require_one(self, *roles: Role) -> None:
        """Go on only with one of these roles. Raises RoleMissing: the operator has none of them."""
        if not set(roles) & set(self.roles):
            names = " and ".join(repr(role) for role in roles)
            raise RoleMissing(
                f"operator {self.name} lacks the roles {names}; one of them is needed"
            )

    def require_any(self) -> None:
        """Go on with any role: who may act may also ask for caution. Raises RoleMissing."""
        if not self.roles:
            raise RoleMissing(f"operator {self.name} has no role, and may only look")


def new_token() -> str:
    """A token nobody can guess (256 bits), which scanners for secrets can know by its beginning."""
    return f"unglue_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What the configuration keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _short(token: bytes) -> bool:
    """Whether a token could be guessed: a right one is never limited."""
    return len(token) < SHORTEST and hashlib.sha256(token).hexdigest() not in SAMPLES


def _unknown(what: str, token: bytes) -> Unauthorized:
    """The same for all of one length: it does not tell whether a short one is somebody's."""
    short = f"; a token has at least {SHORTEST} characters" if len(token) < SHORTEST else ""
    return Unauthorized(f"unknown operator {what}; see [operators] in unglue.toml{short}")


def authenticate(operators: Mapping[str, Operator], authorization: str | None) -> Caller:
    """The operator whose token this is.

    Every operator is compared, in constant time, so that neither a name nor a near miss shows.

    Raises:
        Unauthorized: there is no token, or it is nobody's.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("send an operator token as: Authorization: Bearer <token>")
    token = token.strip()
    digest = token_hash(token)
    found = None
    for name, operator in operators.items():
        if hmac.compare_digest(operator.token_sha256, digest):
            found = Caller(name, operator.roles)
    if found is None or _short(token.encode()):
        raise _unknown("token", token.encode())
    return found


def authenticate_basic(operators: Mapping[str, Operator], authorization: str | None) -> Caller:
    """The operator who gave name and token as HTTP Basic's user and password, for a browser.

    As constant in time as `authenticate`.

    Raises:
        Unauthorized: there is none, or the token is not that operator's.
    """
    scheme, _, credentials = (authorization or "").partition(" ")
    try:
        user, _, token = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except ValueError:
        user = token = b""
    if scheme.lower() != "basic" or not token:
        raise Unauthorized("log in with an operator's name, and the operator's token as password")
    digest = hashlib.sha256(token).hexdigest()
    found = None
    for name, operator in operators.items():
        named = hmac.compare_digest(name.encode(), user)
        if hmac.compare_digest(operator.token_sha256, digest) and named:
            found = Caller(name, operator.roles)
    if found is None or _short(token):
        raise _unknown("name or token", token)
    return found
