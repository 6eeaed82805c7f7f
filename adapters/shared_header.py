"""Senders that sign nothing: they only know the value of a header.

Who learns the value can send any body, so such a source never confirms a deletion by itself.
"""

import hmac
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from adapters.errors import SignatureInvalid
from adapters.headers import Headers


def _ascii(value: str) -> str:
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise ValueError("must be ASCII without control characters and surrounding blanks")
    return value


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$", to_lower=True)]
# Sent in a header or a form, so nothing that those cannot carry.
Credential = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,500}$")]
SharedSecret = Annotated[
    str, StringConstraints(min_length=16, max_length=500), AfterValidator(_ascii)
]
SharedSecrets = Annotated[tuple[SharedSecret, ...], Field(min_length=1, max_length=10, repr=False)]


def require_header(headers: Headers, name: str, expected: Iterable[str]) -> None:
    """Compare a header with the sender's values, in constant time. Raises SignatureInvalid."""
    raw = headers.one(name).encode(errors="surrogatepass")
    if not any(hmac.compare_digest(value.encode(), raw) for value in expected):
        raise SignatureInvalid(f"{name} is not the value agreed with the sender")


def refuse_confirmation(vendor: str) -> None:
    """Refuse `confirm_delete = true` where the vendor signs nothing, by a ValueError."""
    raise ValueError(
        f"confirm_delete = true is not possible here: {vendor} signs nothing, so whoever learns "
        "the header could delete; leave it false, and a person approves each deletion"
    )
