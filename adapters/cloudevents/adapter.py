"""CloudEvents: the signature of Standard Webhooks proves them, `event` reads them."""

from datetime import datetime
from functools import partial
from typing import ClassVar

from adapters.cloudevents.config import CloudEventsConfig
from adapters.cloudevents.event import judge, rehearsed
from adapters.contract import HoldsSecrets, Sender, SourceConfig
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.rehearsal import renewed
from adapters.standard.signature import require_signature, signed_headers


class CloudEvents(HoldsSecrets):
    """CloudEvents 1.0, structured, batched or binary, with the headers of Standard Webhooks."""

    vendor: ClassVar[str] = "cloudevents"
    config: ClassVar[type[SourceConfig]] = CloudEventsConfig
    # http-webhook.md leaves time-outs and retries to the sender; it names 429 with Retry-After.
    sender: ClassVar[Sender] = Sender(retry_status=429)

    def verify(
        self,
        config: CloudEventsConfig,
        headers: Headers,
        body: bytes,
        key: str | None,
        now: datetime,
    ) -> None:
        """Prove id, time and bytes with one of the secrets. Raises SignatureInvalid."""
        del key
        require_signature(headers, body, config.secrets, now)

    def read(
        self, config: CloudEventsConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the events mean for their clients."""
        return judge(config, headers, body, now)

    def sign(
        self, config: CloudEventsConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of a structured event, signed with every secret."""
        del key
        return {
            "content-type": "application/cloudevents+json",
            **signed_headers(body, config.secrets, event_id, now),
        }

    def rehearse(
        self, config: CloudEventsConfig, body: bytes, event_id: str, now: datetime
    ) -> bytes:
        """A recorded event, structured or batched, as it would be sent now. Raises ValueError."""
        return renewed(body, event_id, partial(rehearsed, config, now))
