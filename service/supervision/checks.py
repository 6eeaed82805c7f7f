"""What every process of an installation does before it starts."""

import asyncio

import structlog

from adapters.errors import ConfigurationError
from service.supervision.logs import configure_logs
from workers.processes.runtime import open_ledger
from workers.settings import Settings, load_settings
from workers.settings.enforcement import asks_for_approval, require_enforceable
from workers.traces.tracing import trace_by
from workers.upkeep.storage import fit_unless_away

log = structlog.get_logger()


def start_up(part: str) -> Settings:
    """Set up this part's logging and return the settings. Raises ConfigurationError."""
    configure_logs(part)
    settings = load_settings()
    require_enforceable(settings)
    trace(settings, part)
    if not settings.secret_keys and any(asks_for_approval(settings)):
        log.warning("no_approval_links", advice="set secret_keys; until then: unglue approve")
    return settings


def trace(settings: Settings, part: str) -> None:
    """Send this part's spans to the collector, if one is configured. Raises ConfigurationError."""
    if not settings.traces.endpoint:
        return
    try:
        from workers.traces.otlp import to  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ConfigurationError(
            "[traces] is configured, and OpenTelemetry is not installed; it is the extra: "
            "unglue[otel]"
        ) from None
    trace_by(to(settings.traces.endpoint, part))


def require_fit_storage(settings: Settings) -> None:
    """Refuse a Redis that would lose the record, if it is there. Raises StorageUnfit."""

    async def ask() -> None:
        async with open_ledger(settings, prompt=True) as ledger:
            await fit_unless_away(ledger)

    asyncio.run(ask())
