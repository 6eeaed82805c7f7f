"""HaloPSA: a header proves an event, `event` reads it."""

from datetime import datetime
from functools import partial
from typing import ClassVar

from adapters.batch import judge_each
from adapters.contract import HoldsSecrets, Sender, SourceConfig
from adapters.halopsa.config import HaloPSAConfig
from adapters.halopsa.event import judge, known, rehearsed
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.rehearsal import renewed
from adapters.shared_header import require_header


class HaloPSA(HoldsSecrets):
    """Events of one webhook, one at a time or batched."""

    vendor: ClassVar[str] = "halopsa"
    config: ClassVar[type[SourceConfig]] = HaloPSAConfig
    # How long HaloPSA waits and when it tries again is published nowhere.
    sender: ClassVar[Sender] = Sender()

    def verify(
        self, config: HaloPSAConfig, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        """Compare the agreed header; HaloPSA signs nothing. Raises SignatureInvalid."""
        del body, key, now
        require_header(headers, config.header, config.values)

    def read(
        self, config: HaloPSAConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the events mean for their clients."""
        del headers
        return judge_each(body, now, partial(judge, config), partial(known, config))

    def sign(
        self, config: HaloPSAConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of this delivery."""
        del body, key, event_id, now
        return {"content-type": "application/json", config.header: config.values[0]}

    def rehearse(self, config: HaloPSAConfig, body: bytes, event_id: str, now: datetime) -> bytes:
        """A recorded event as this webhook would send it now. Raises ValueError."""
        return renewed(body, event_id, partial(rehearsed, config, now))
