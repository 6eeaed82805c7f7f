"""Operators: who calls, and what they may do."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from adapters.errors import RoleMissing, Unauthorized
from workers.settings import Operator

Role = Literal["request", "approve", "admin"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A known operator."""

    name: str
    roles: tuple[Role, ...]

    def require(self, role: Role) -> None:
        """Go on only with this role.

        Raises:
            RoleMissing: the operator does not have it.
        """
        if role not in self.roles:
            raise RoleMissing(f"operator {self.name} lacks the role {role!r}")


def authenticate(operators: Mapping[str, Operator], authorization: str | None) -> Caller:
    """The operator whose token this is.

    Every operator is compared, in constant time, so that neither a name nor a near miss shows.

    Raises:
        Unauthorized: there is no token, or it is nobody's.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("send an operator token as: Authorization: Bearer <token>")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    found = None
    for name, operator in operators.items():
        if hmac.compare_digest(operator.token_sha256, digest):
            found = Caller(name, operator.roles)
    if found is None:
        raise Unauthorized("this token is no operator's; see [operators] in unglue.toml")
    return found
