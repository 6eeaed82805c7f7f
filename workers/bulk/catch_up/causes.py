"""Why events never came, where the PSA itself knows: told with what was made up for."""

from datetime import datetime

from adapters.autotask.config import AutotaskConfig
from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import PsaError
from workers.psa.autotask.client import AutotaskClient
from workers.psa.connectwise.callbacks import Callbacks
from workers.psa.http import PsaHttp
from workers.psa.registered import Registered
from workers.settings import Settings


async def cause_of(source: str, settings: Settings, since: datetime) -> str | None:
    """The cause in words; `None` where nobody tells."""
    config = settings.sources[source]
    async with PsaHttp(source) as http:
        try:
            match config:
                case AutotaskConfig(api=api) if api is not None:
                    return await AutotaskClient(api, http).given_up(since)
                case ConnectWiseConfig(api=api) if api is not None:
                    callbacks = Callbacks(config, api, http)
                    return _of_callbacks(await callbacks.of(settings.public_url, source))
        except PsaError:
            # The user may read companies, and need not be allowed to read these.
            return None
    return None


def _of_callbacks(found: tuple[Registered, ...]) -> str | None:
    if not found:
        return "no callback of ConnectWise leads to this source"
    differs = ", ".join(f"{what} is {now!r}" for what, now, _ in found[0].differs)
    return f"callback {found[0].id}: {differs}" if differs else None
