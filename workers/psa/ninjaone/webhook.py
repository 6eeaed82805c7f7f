"""The one webhook of a NinjaOne API client. It can be set and removed, and is not shown."""

from adapters.ninjaone.config import NinjaOneApi, NinjaOneConfig
from workers.psa.http import PsaHttp
from workers.psa.ninjaone.client import tokens_of
from workers.psa.registered import Registered, address_of

_CODES = ("CLIENT_DELETED", "CLIENT_UPDATED", "CLIENT_CREATED", "API_WEBHOOK_CONFIGURATION_UPDATED")


class Webhook:
    """The webhook of this API client, whoever set it."""

    word = "webhook"

    def __init__(self, config: NinjaOneConfig, api: NinjaOneApi, http: PsaHttp) -> None:
        self._config = config
        self._tokens = tokens_of(api, http)
        self._type = api.activity_type
        self._url = f"{api.base_url}/v2/webhook"

    async def of(self, public_url: str, source: str) -> None:
        """Nothing: NinjaOne documents no way to read it. Raises PsaError: never."""
        del public_url, source

    async def create(self, public_url: str, source: str) -> str:
        """Set it, in place of whatever there was; nothing more is to be done. Raises PsaError."""
        header = {"name": self._config.header, "value": self._config.secrets[0]}
        entry = {
            "url": address_of(public_url, source),
            "activities": {self._type: list(_CODES)},
            "expand": ["organization"],
            "headers": [header],
        }
        await self._tokens.send("PUT", self._url, content=entry)
        return ""

    async def repair(
        self, found: Registered, public_url: str, source: str, *, secret: bool = False
    ) -> None:
        """Set it anew. Raises PsaError."""
        del found, secret
        await self.create(public_url, source)

    async def remove(self, found: Registered) -> None:
        """Take it away. Raises PsaError."""
        del found
        await self._tokens.send("DELETE", self._url)
