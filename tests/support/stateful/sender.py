"""A vendor for rehearsals: its events are whatever the test says, and its key may be out of reach.

It keeps its signing key on a server of its own, as ConnectWise does, so that an event may have to
wait until it can be proved.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from adapters.contract import Sender, SourceConfig
from adapters.errors import SigningKeyUnavailable
from adapters.headers import Headers
from adapters.models import DeletionRequest, Reactivated, Request, Verdict

VENDOR = "rehearsed"


@dataclass
class Rehearsed:
    """The adapter. `out_of_reach`: nothing can be proved."""

    out_of_reach: bool = False

    vendor: ClassVar[str] = VENDOR
    config: ClassVar[type[SourceConfig]] = SourceConfig
    sender: ClassVar[Sender] = Sender()

    def key_url(self, config: Any, headers: Headers, body: bytes) -> str | None:
        del config, headers, body
        return None

    def verify(
        self, config: Any, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        del config, headers, body, key, now
        if self.out_of_reach:
            raise SigningKeyUnavailable("the key server does not answer")

    def read(
        self, config: Any, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        del config, headers, now
        event = json.loads(body)
        signed = datetime.fromisoformat(event["signed"]) if event["signed"] else None
        identity: dict[str, Any] = {"event_id": event["id"], "occurred_at": signed}
        if event["active"]:
            return (Reactivated(client=event["client"], **identity),)
        request = DeletionRequest.model_validate_json(event["request"])
        return (Request(client=event["client"], request=request, **identity),)

    def sign(
        self, config: Any, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        del config, body, key, event_id, now
        return {}
