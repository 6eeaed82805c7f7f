"""Every PSA that may be asked, by the name of its source."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Protocol, Self

from adapters.autotask.config import AutotaskConfig
from adapters.connectwise.config import ConnectWiseConfig
from adapters.contract import SourceConfig
from adapters.errors import PsaUnreachable
from adapters.halopsa.config import HaloPSAConfig
from adapters.ninjaone.config import NinjaOneConfig
from workers.psa.autotask.client import AutotaskClient
from workers.psa.company import Company, PsaClient
from workers.psa.connectwise.client import ConnectWiseClient
from workers.psa.halopsa.client import HaloPSAClient
from workers.psa.http import PsaHttp
from workers.psa.ninjaone.client import NinjaOneClient


class Companies(Protocol):
    """Who can be asked about a company."""

    async def company(self, source: str, company_id: str) -> Company | None:
        """What this source's PSA says of the company; `None`: it has none. Raises PsaError."""


class Nobody:
    """For a process that was given no way to a PSA: it must not go on as if none were asked."""

    async def company(self, source: str, company_id: str) -> Company | None:
        """Never an answer. Raises PsaUnreachable: always."""
        del company_id
        raise PsaUnreachable(f"this process has no way to the PSA of source {source}", source)


class Asked:
    """The PSAs of the configured sources. A client is made when it is first needed."""

    def __init__(self, sources: Mapping[str, SourceConfig]) -> None:
        self._sources = sources
        self._clients: dict[str, PsaClient] = {}

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def company(self, source: str, company_id: str) -> Company | None:
        """What this source's PSA says of the company; `None`: it has none. Raises PsaError."""
        return await (await self.client(source)).company(company_id)

    async def client(self, source: str) -> PsaClient:
        """The way to the PSA of this source. Raises PsaUnreachable."""
        if source not in self._clients:
            http = await self._stack.enter_async_context(PsaHttp(source))
            self._clients[source] = _client(self._sources.get(source), http)
        return self._clients[source]


def _client(config: SourceConfig | None, http: PsaHttp) -> PsaClient:
    match config:
        case ConnectWiseConfig(api=api) if api is not None:
            return ConnectWiseClient(config, api, http)
        case AutotaskConfig(api=api) if api is not None:
            return AutotaskClient(api, http)
        case NinjaOneConfig(api=api) if api is not None:
            return NinjaOneClient(api, http)
        case HaloPSAConfig(api=api) if api is not None:
            return HaloPSAClient(api, http)
        case _:
            raise http.unreachable("cannot be asked: it has no credentials")
