"""Recorded deliveries: `fixtures/<vendor>/<event>.{body,headers.json,expected.json}`.

`fixtures/<vendor>/source.json` holds the source's configuration, the signing key where the vendor
keeps it, and the time of arrival; an `expected.json` may override each of them for its event.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.contract import Adapter, SourceConfig
from adapters.headers import Headers
from adapters.models import DeletionRequest, Request, Verdict
from adapters.registry import VENDORS

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass(frozen=True)
class Recorded:
    """One recorded delivery, and what is expected of it."""

    folder: Path
    event: str

    @property
    def adapter(self) -> Adapter:
        return VENDORS[self.folder.name]

    @cached_property
    def setting(self) -> dict[str, Any]:
        common: dict[str, Any] = json.loads((self.folder / "source.json").read_text())
        own = self.expected
        return {
            "source": common["source"] | own.get("source", {}),
            "key": own.get("key", common.get("key")),
            "now": own.get("now", common["now"]),
        }

    @property
    def config(self) -> SourceConfig:
        return self.adapter.config.model_validate(self.setting["source"])

    @property
    def key(self) -> str | None:
        key: str | None = self.setting["key"]
        return key

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.setting["now"])

    @property
    def body(self) -> bytes:
        return self.path("body").read_bytes()

    @property
    def headers(self) -> Headers:
        return Headers.of(json.loads(self.path("headers.json").read_text()))

    @cached_property
    def expected(self) -> dict[str, Any]:
        path = self.path("expected.json")
        return json.loads(path.read_text()) if path.exists() else {}

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.event}.{kind}"


def recorded(vendor: str = "*") -> Iterator[Recorded]:
    """Every recorded delivery of the vendor, or of all."""
    for path in sorted(FIXTURES.glob(f"{vendor}/*.body")):
        yield Recorded(path.parent, path.name.removesuffix(".body"))


def only(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The one verdict of a delivery with one event."""
    (verdict,) = verdicts
    return verdict


def asked(verdict: Verdict) -> dict[str, Any]:
    """The request that the verdict makes."""
    assert isinstance(verdict, Request), verdict
    return verdict.request.plain()


def described(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON: its kind, and of its fields those that say something."""
    values = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    return {"verdict": type(verdict).__name__} | {
        name: _plain(value)
        for name, value in values.items()
        if value not in (None, "", ()) and name != "content" and (name, value) != ("holds", True)
    }


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case DeletionRequest():
            return value.plain()
        case tuple():
            return list(value)
        case _:
            return value
