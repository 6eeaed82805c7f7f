"""Which configured sources speak of companies by the numbers that IT Glue's links hold."""

from collections.abc import Mapping

from workers.settings import Settings


def psa_sources(settings: Settings) -> Mapping[str, str]:
    """Those sources, each with its integration type."""
    return {
        name: source.integration_type
        for name, source in settings.sources.items()
        if source.integration_type is not None
    }
