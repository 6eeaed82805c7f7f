"""Autotask PSA: `signature` proves a callout, `callout` reads it."""

from datetime import datetime
from functools import partial
from typing import ClassVar

from adapters.autotask.callout import judge, rehearsed
from adapters.autotask.config import AutotaskConfig
from adapters.autotask.signature import HEADER, require_signature, signature_of
from adapters.contract import HoldsSecrets, Sender, SourceConfig
from adapters.fields import stamped
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.rehearsal import renewed


class Autotask(HoldsSecrets):
    """Callouts of one company webhook."""

    vendor: ClassVar[str] = "autotask"
    config: ClassVar[type[SourceConfig]] = AutotaskConfig
    # autotask.net/help/DeveloperHelp, "Webhooks_Error_Handling": an answer within 10 s, 5 attempts
    # every 30 s, and the webhook is switched off after 25 failures in a row.
    sender: ClassVar[Sender] = Sender(
        retry_status=503, timeout_seconds=10, retry_after_seconds=(30, 30, 30, 30)
    )

    def verify(
        self, config: AutotaskConfig, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        """Prove the bytes with one of the secrets, without a time. Raises SignatureInvalid."""
        del key, now
        require_signature(headers, body, config.secrets)

    def read(
        self, config: AutotaskConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the callout means for the company: one verdict."""
        del headers
        return stamped([judge(config, body, now)], body)

    def sign(
        self, config: AutotaskConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of this callout; its event id is `Guid` and `SequenceNumber` in the body."""
        del key, event_id, now
        return {"content-type": "application/json", HEADER: signature_of(body, config.secrets[0])}

    def rehearse(self, config: AutotaskConfig, body: bytes, event_id: str, now: datetime) -> bytes:
        """A recorded callout as this webhook would send it now. Raises ValueError."""
        return renewed(body, event_id, partial(rehearsed, config, now))
