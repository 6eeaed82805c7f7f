"""What every process of an installation does before it starts."""

import asyncio

import structlog

from service.supervision.logs import configure_logs
from workers.processes.runtime import open_ledger
from workers.processes.storage import fit_unless_away
from workers.settings import Settings, load_settings
from workers.settings.enforcement import asks_for_approval, require_enforceable

log = structlog.get_logger()


def start_up(part: str) -> Settings:
    """Set up this part's logging, and return the settings if this build can keep all of them.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    configure_logs(part)
    settings = load_settings()
    require_enforceable(settings)
    if not settings.secret_keys and any(asks_for_approval(settings)):
        log.warning("no_approval_links", advice="set secret_keys; until then: unglue approve")
    return settings


def require_fit_storage(settings: Settings) -> None:
    """Refuse a Redis that would lose the record. One that is away is asked when it is there.

    Raises:
        StorageUnfit: naming what is wrong.
    """

    async def ask() -> None:
        async with open_ledger(settings, prompt=True) as ledger:
            await fit_unless_away(ledger)

    asyncio.run(ask())
