"""A safeguard that is configured and that cannot be kept stops start-up."""

from collections.abc import Iterator

from adapters.errors import ConfigurationError
from workers.settings import Settings


def unenforced(settings: Settings) -> Iterator[str]:
    """The name of every setting that promises what nobody can keep, with the way out."""
    given = [*(each.roles for each in settings.operators.values()), *settings.oidc.roles.values()]
    if not any("approve" in roles for roles in given):
        for name in asks_for_approval(settings):
            yield (
                f"{name}: nobody can approve, and what nobody approves is cancelled; give an "
                "operator the role approve"
            )


def asks_for_approval(settings: Settings) -> Iterator[str]:
    """The settings because of which a person may have to approve."""
    policy = settings.policy
    if policy.mode == "preview":
        return
    if policy.approval == "always":
        yield 'policy.approval = "always"'
    for name, source in settings.sources.items():
        if source.approval == "always":
            yield f'sources.{name}.approval = "always"'
        if (source.approval or policy.approval) == "webhooks" and not source.confirm_delete:
            yield f'approval = "webhooks" with sources.{name}.confirm_delete = false'
    if policy.approval == "webhooks":
        for name, schedule in settings.sweeps.items():
            if not schedule.confirm_delete and not schedule.dry_run:
                yield f'approval = "webhooks" with schedules.{name}.confirm_delete = false'


def require_enforceable(settings: Settings) -> None:
    """Refuse to start with safeguards that would not be kept. Raises ConfigurationError."""
    faults = list(unenforced(settings))
    if faults:
        raise ConfigurationError(
            "these settings cannot be enforced, so it does not start:\n"
            + "\n".join(f"  {fault}" for fault in faults)
        )
