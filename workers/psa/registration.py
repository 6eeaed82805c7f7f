"""What a vendor has registered to send here: looked at, made, put right, and removed."""

from typing import Protocol

from adapters.autotask.config import AutotaskConfig
from adapters.connectwise.config import ConnectWiseConfig
from adapters.contract import SourceConfig
from adapters.ninjaone.config import NinjaOneConfig
from workers.psa.autotask.webhooks import Webhooks
from workers.psa.connectwise.callbacks import Callbacks
from workers.psa.http import PsaHttp
from workers.psa.ninjaone.webhook import Webhook
from workers.psa.registered import Registered


class Registration(Protocol):
    """What one tenant has registered for a source. Its address says whose an entry is."""

    word: str

    async def of(self, public_url: str, source: str) -> tuple[Registered, ...] | None:
        """The entries that send to the source, those that need least first.

        `None` where the vendor does not show what is registered. Raises PsaError: the vendor does
        not tell.
        """

    async def create(self, public_url: str, source: str) -> str:
        """Register what is wanted; what a person has to do then, in words. Raises PsaError."""

    async def repair(
        self, found: Registered, public_url: str, source: str, *, secret: bool = False
    ) -> None:
        """Make an entry of ours what is wanted, and leave alone what is not compared.

        The vendor shows no secret; one that is new to it is given with `secret`. Raises PsaError:
        the vendor did not take it, or nobody knows whether it did.
        """

    async def remove(self, found: Registered) -> None:
        """Take an entry of ours away. Raises PsaError."""


def registration_of(config: SourceConfig, http: PsaHttp) -> Registration | None:
    """The registration of a source; `None` if its vendor has none or it has no credentials."""
    match config:
        case ConnectWiseConfig(api=api) if api is not None:
            return Callbacks(config, api, http)
        case AutotaskConfig(api=api) if api is not None:
            return Webhooks(config, api, http)
        case NinjaOneConfig(api=api) if api is not None:
            return Webhook(config, api, http)
        case _:
            return None
