"""NinjaOne: a header proves an activity, `activity` reads it."""

import hashlib
import hmac
from datetime import datetime
from functools import partial
from typing import ClassVar

from adapters.batch import judge_each
from adapters.contract import HoldsSecrets, Sender, SourceConfig
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.ninjaone.activity import judge, known, rehearsed
from adapters.ninjaone.config import NinjaOneConfig
from adapters.rehearsal import renewed
from adapters.shared_header import require_header


def _hmac(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class NinjaOne(HoldsSecrets):
    """Activities of one API client's webhook."""

    vendor: ClassVar[str] = "ninjaone"
    config: ClassVar[type[SourceConfig]] = NinjaOneConfig
    # How long NinjaOne waits and when it tries again is published nowhere.
    sender: ClassVar[Sender] = Sender()

    def verify(
        self, config: NinjaOneConfig, headers: Headers, body: bytes, key: str | None, now: datetime
    ) -> None:
        """Compare the header, and a gateway's signature if configured. Raises SignatureInvalid."""
        del key, now
        require_header(headers, config.header, config.secrets)
        if config.hmac_header is not None:
            expected = (_hmac(body, secret) for secret in config.hmac_secrets)
            require_header(headers, config.hmac_header, expected)

    def read(
        self, config: NinjaOneConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the activity means for the organization."""
        del headers
        return judge_each(body, now, partial(judge, config), partial(known, config))

    def sign(
        self, config: NinjaOneConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of this activity; its event id is `id` in the body."""
        del key, event_id, now
        headers = {"content-type": "application/json", config.header: config.secrets[0]}
        if config.hmac_header is not None:
            headers[config.hmac_header] = _hmac(body, config.hmac_secrets[0])
        return headers

    def rehearse(self, config: NinjaOneConfig, body: bytes, event_id: str, now: datetime) -> bytes:
        """A recorded activity as NinjaOne would send it now. Raises ValueError."""
        del config
        return renewed(body, event_id, partial(rehearsed, now))
