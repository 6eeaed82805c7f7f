"""A safeguard that is configured and that this build cannot enforce stops start-up.

Believing in a gate that is not there is worse than having none.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.errors import ConfigurationError
from workers.settings import Settings


def unenforced(settings: Settings) -> Iterator[str]:
    """The name of every setting that asks for more than this build does, with the way out."""
    policy = settings.policy
    asked = {
        'policy.approval = "always": set it to "webhooks" or "never"': policy.approval == "always",
        'policy.grace_period: set it to "0s"': policy.grace_period > timedelta(),
    }
    yield from (text for text, wanted in asked.items() if wanted)
    for name, source in settings.sources.items():
        if source.approval in {"always", "webhooks"}:
            yield f'sources.{name}.approval = "{source.approval}": leave it out'
        if policy.approval == "webhooks" and not source.confirm_delete:
            yield (
                f'policy.approval = "webhooks" with sources.{name}.confirm_delete = false: '
                'nobody can approve yet; set confirm_delete = true, or approval = "never"'
            )


def require_enforceable(settings: Settings) -> None:
    """Refuse to start with safeguards that would not be kept.

    Raises:
        ConfigurationError: naming each of them.
    """
    faults = list(unenforced(settings))
    if faults:
        raise ConfigurationError(
            "these settings cannot be enforced by this version of Unglue, so it does not start:\n"
            + "\n".join(f"  {fault}" for fault in faults)
        )
