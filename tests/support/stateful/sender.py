"""Vendors for rehearsals: their events are what the test says, and their key may be out of reach.

They keep their signing key on a server of their own, as ConnectWise does, so that an event may have
to wait until it can be proved. Two know their clients by the number of a PSA, as ConnectWise and
Autotask do; the third one names them as it likes, as a Standard Webhooks sender does, and the
fourth by a number of its own and by name, as NinjaOne does.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

from adapters.contract import CatchingSource, Sender, SourceConfig
from adapters.errors import SigningKeyUnavailable
from adapters.headers import Headers
from adapters.models import DeletionRequest, PsaIntegration, Reactivated, Rejected, Request, Verdict


class Keys(BaseModel):
    """With them the PSA is asked."""


class ManageConfig(CatchingSource):
    """A source whose clients are companies of "manage"."""

    api: Keys | None = None
    integration_type: ClassVar[PsaIntegration | None] = "manage"


class AutotaskConfig(CatchingSource):
    """A source whose clients are companies of "autotask"."""

    api: Keys | None = None
    integration_type: ClassVar[PsaIntegration | None] = "autotask"


@dataclass
class KeyServer:
    """`out_of_reach`: nothing can be proved."""

    out_of_reach: bool = False


@dataclass
class Rehearsed:
    """One adapter."""

    vendor: str
    config: type[SourceConfig]
    keys: KeyServer

    sender: ClassVar[Sender] = Sender()

    def key_url(self, config: Any, headers: Headers, body: bytes) -> str | None:
        del config, headers, body
        return None

    def verify(
        self, config: Any, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        del config, headers, body, key, now
        if self.keys.out_of_reach:
            raise SigningKeyUnavailable("the key server does not answer")

    def read(
        self, config: Any, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        del headers, now
        event = json.loads(body)
        signed = datetime.fromisoformat(event["signed"]) if event["signed"] else None
        identity: dict[str, Any] = {
            "event_id": event["id"],
            "content": hashlib.sha256(body).hexdigest(),
            "occurred_at": signed,
        }
        client, *also = event["clients"]
        if event["garbled"]:
            readable = (client,) if event["garbled"] == "status" else ()
            return (Rejected(reason="garbled", clients=readable, **identity),)
        if event["active"]:
            name = event["name"]
            return (Reactivated(client=client, also=tuple(also), name=name, **identity),)
        request = DeletionRequest.model_validate_json(event["request"])
        confirms = request.confirm_delete and config.confirm_delete
        request = request.model_copy(update={"confirm_delete": confirms})
        return (Request(client=client, also=tuple(also), request=request, **identity),)

    def sign(
        self, config: Any, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        del config, body, key, event_id, now
        return {}

    def rehearse(self, config: Any, body: bytes, event_id: str, now: datetime) -> bytes:
        del config, event_id, now
        return body


def vendors(keys: KeyServer) -> dict[str, Rehearsed]:
    """The vendors of a rehearsal, by name."""
    configs: dict[str, type[SourceConfig]] = {
        "by_manage": ManageConfig,
        "by_autotask": AutotaskConfig,
        "by_anything": SourceConfig,
        "by_name": SourceConfig,
    }
    return {name: Rehearsed(name, config, keys) for name, config in configs.items()}


SOURCES: dict[str, dict[str, Any]] = {
    "cw": {"vendor": "by_manage", "confirm_delete": True},
    "at": {"vendor": "by_autotask", "confirm_delete": True},
    "std": {"vendor": "by_anything", "confirm_delete": True},
    "nj": {"vendor": "by_name"},
}
