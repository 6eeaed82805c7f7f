"""What every process of an installation does before it starts."""

from service.logs import configure_logs
from workers.enforcement import require_enforceable
from workers.settings import Settings, load_settings


def start_up() -> Settings:
    """Set up logging, and return the settings if this build can keep all of their promises.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    configure_logs()
    settings = load_settings()
    require_enforceable(settings)
    return settings
