"""What every process of an installation does before it starts."""

import structlog

from service.logs import configure_logs
from workers.enforcement import asks_for_approval, require_enforceable
from workers.settings import Settings, load_settings

log = structlog.get_logger()


def start_up() -> Settings:
    """Set up logging, and return the settings if this build can keep all of their promises.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    configure_logs()
    settings = load_settings()
    require_enforceable(settings)
    if not settings.secret_keys and any(asks_for_approval(settings)):
        log.warning("no_approval_links", advice="set secret_keys; until then: unglue approve")
    return settings
