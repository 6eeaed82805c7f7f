"""`[operators.<name>]`: who may call."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from workers.settings.section import Section

_SHA256 = re.compile(r"[0-9a-f]{64}")


def _token_hash(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(
            'must be the SHA-256 of the token, 64 digits of 0-9 and a-f: printf %s "$TOKEN" | '
            "sha256sum"
        )
    return value


class Operator(Section):
    """`[operators.<name>]`: a person or a program that may call the API."""

    token_sha256: Annotated[str, AfterValidator(_token_hash), Field(repr=False)]
    roles: tuple[Literal["request", "approve", "admin"], ...] = ()
