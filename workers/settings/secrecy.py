"""Secrets that would not protect: used twice, or printed in the sample, in whatever writing."""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from adapters.origin import is_loopback

# Those of deploy/unglue.example.toml: known to everybody, so for a rehearsal on a loopback host.
SAMPLE_TOKEN_SHA256: Final = "2bcd3e14dca8fdb18ca3d4e958bb1c4df002598ae6e5d80fc9d9824a6b5dc450"  # noqa: S105 - it is public
SAMPLE_SECRET: Final = "whsec_cmVoZWFyc2FsLXNlY3JldC1yZXBsYWNlLW1l"  # noqa: S105 - it is public


SAMPLES: Final = frozenset(
    {
        SAMPLE_TOKEN_SHA256,
        SAMPLE_SECRET,
        "1b82a738723254e39c1291df982134f62523f8e165bff8c02c2a496f610f403d",
        "whsec_cmVoZWFyc2FsLXNvdXJjZS1yZXBsYWNlLW1lISE=",
        "rehearsal-key-of-the-README-replace-me",
    }
)

# The shortest of each secret that we choose ourselves, in characters, by the name of its field.
# What others make (an API key, a URL, a hash) has its own form.
_SHORTEST: Final[Mapping[str, int]] = {
    "secret_keys": 32,
    "secrets": 16,
    "hmac_secrets": 16,
    "export_zip_password": 16,
}
# What is shorter was not meant: text may happen to be the base64 of something.
_LEAST_BYTES: Final = 8
MADE_ELSEWHERE: Final = frozenset(
    {
        "redis_url", "dashboard_redis_url", "api_key", "url", "token_sha256", "private_key",
        "secret", "integration_code", "client_secret",
    }
)  # fmt: skip


def weak_secret(tables: Mapping[str, BaseModel]) -> str | None:
    """What is wrong with a secret that could be guessed; a table's name "" is the file's top."""
    for table, model in tables.items():
        for place, secret in secrets_in(model, table):
            name = place.rpartition(".")[2]
            if name in MADE_ELSEWHERE:
                continue
            least = _SHORTEST[name]
            if len(secret.strip()) < least or len(set(secret)) == 1:
                return (
                    f"{place.lstrip('.')} has a secret that could be guessed: it must have at "
                    f"least {least} characters, like: python3 -c 'import secrets; "
                    "print(secrets.token_urlsafe(32))'"
                )
    return None


def secrets_in(model: BaseModel, place: str) -> Iterator[tuple[str, str]]:
    """Every secret of a table, each with the name of its setting."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if field.repr or not value:
            continue
        for each in (value,) if isinstance(value, str) else value:
            yield f"{place}.{name}", each


# What stands in front of a secret in a header, or says how it is written.
_IN_FRONT: Final = ("whsec_", "bearer ", "basic ")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"[0-9A-Za-z+/_-]+")


def _forms(secret: str) -> frozenset[bytes]:
    """The secret as each system may take it: as it stands, and what it is the writing of."""
    text = secret.strip()
    for word in _IN_FRONT:
        if text.lower().startswith(word):
            text = text[len(word) :].strip()
    forms, bare = {text.encode()}, text.rstrip("=")
    if _HEX.fullmatch(bare):
        forms.add(bytes.fromhex(bare))
    if _BASE64.fullmatch(bare):
        with contextlib.suppress(binascii.Error):
            forms.add(base64.urlsafe_b64decode(f"{bare}==="))
            forms.add(base64.b64decode(f"{bare}==="))
    # What follows the name of a user, as a header has both.
    forms |= {form.partition(b":")[2] for form in forms}
    return frozenset(form for form in forms if len(form) >= _LEAST_BYTES)


def written_secrets(tables: Mapping[str, object], place: str = "") -> Iterator[str]:
    """The names of the secrets that stand in a file itself, and not in one that it names."""
    # A hash is none, and an address is one only with a password in it.
    names = {*_SHORTEST, *MADE_ELSEWHERE} - {"token_sha256", "redis_url", "dashboard_redis_url"}
    for name, value in tables.items():
        if isinstance(value, Mapping):
            yield from written_secrets(value, f"{place}{name}.")
        elif value and name in names and (name, place) != ("url", "callback."):
            yield f"{place}{name}"


def shared_secret(tables: Mapping[str, BaseModel]) -> str | None:
    """What is wrong if a source's secret has two owners: one's message would be genuine at another.

    Those who are told something may share theirs: Unglue believes none of them.
    """
    owners: dict[bytes, tuple[str, str]] = {}
    for table, model in tables.items():
        kind = table.partition(".")[0]
        if kind not in {"callback", "sources", "notifications"}:
            continue
        for place, secret in secrets_in(model, table):
            if kind == "notifications" and not place.endswith(".secrets"):
                continue
            owner = table if kind == "sources" else ""
            for form in _forms(secret):
                first, other = owners.setdefault(form, (owner, place))
                if first != owner:
                    return (
                        f"{place} has a secret that {other} has too, perhaps in another writing: "
                        "what is signed for one would be genuine at the other; give each its own"
                    )
    return None


_SAMPLE_FORMS: Final = frozenset(form for sample in SAMPLES for form in _forms(sample))


def sample_secret(base_url: str, tables: Mapping[str, BaseModel]) -> str | None:
    """What is wrong if a secret of the sample is used for a real account."""
    name = next(samples_in(tables), None)
    if name is None or is_loopback(urlsplit(base_url).hostname or ""):
        return None
    return f"{name} is the sample's, which everybody knows; make your own"


def samples_in(tables: Mapping[str, BaseModel]) -> Iterator[str]:
    """The settings whose secret is one of the sample's."""
    for table, model in tables.items():
        for place, secret in secrets_in(model, table):
            if secret in SAMPLES or not _SAMPLE_FORMS.isdisjoint(_forms(secret)):
                yield place.lstrip(".")
