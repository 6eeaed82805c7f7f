"""ConnectWise PSA: `signature` proves a callback, `callback` reads it."""

from datetime import datetime
from functools import partial
from typing import ClassVar

from adapters.connectwise.callback import judge, rehearsed
from adapters.connectwise.config import ConnectWiseConfig
from adapters.connectwise.signature import (
    HEADER,
    find_key_url,
    pinned,
    presented,
    require_signature,
    signature_of,
)
from adapters.contract import Sender, SourceConfig
from adapters.errors import SignatureInvalid
from adapters.fields import stamped
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.rehearsal import renewed


class ConnectWise:
    """Company callbacks of one tenant."""

    vendor: ClassVar[str] = "connectwise"
    config: ClassVar[type[SourceConfig]] = ConnectWiseConfig
    # developer.connectwise.com, "PSA Callbacks": an answer within 5 s; sent again, after 2 s and
    # 4 s, and only after 404, 409, 419 or 429.
    sender: ClassVar[Sender] = Sender(
        retry_status=429, timeout_seconds=5, retry_after_seconds=(2, 4)
    )

    def key_url(self, config: ConnectWiseConfig, headers: Headers, body: bytes) -> str | None:
        """Where ConnectWise keeps the signing key of this callback: never `None`.

        Raises SignatureInvalid: no signature came, or its key does not lie where this tenant's do.
        """
        presented(headers)
        url = find_key_url(body)
        if url is None:
            raise SignatureInvalid("the body has no Metadata.key_url")
        return pinned(url, config)

    def verify(
        self,
        config: ConnectWiseConfig,
        headers: Headers,
        body: bytes,
        key: str | None,
        now: datetime,
    ) -> None:
        """Prove the bytes with the tenant's signing key; ConnectWise signs no delivery time.

        Raises SignatureInvalid: the signature or the key is missing, or they do not fit the bytes.
        """
        del config, now
        signature = presented(headers)
        if not key:
            raise SignatureInvalid("ConnectWise's signing key is needed and was not given")
        require_signature(body, signature, key)

    def read(
        self, config: ConnectWiseConfig, headers: Headers, body: bytes, now: datetime
    ) -> tuple[Verdict, ...]:
        """What the callback means for the company: one verdict."""
        del headers
        return stamped([judge(config, body, now)], body)

    def sign(
        self, config: ConnectWiseConfig, body: bytes, key: str | None, event_id: str, now: datetime
    ) -> dict[str, str]:
        """The headers of this callback, whose body has its id. Raises ValueError without a key."""
        del config, event_id, now
        if not key:
            raise ValueError("a ConnectWise callback is signed with the key of its key_url")
        return {"content-type": "application/json", HEADER: signature_of(body, key)}

    def rehearse(
        self, config: ConnectWiseConfig, body: bytes, event_id: str, now: datetime
    ) -> bytes:
        """A recorded callback as this tenant would send it now. Raises ValueError."""
        return renewed(body, event_id, partial(rehearsed, config, now))
