"""What works as configured and is missed only once something has happened: pure."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from adapters.origin import is_loopback
from service.doctor.finding import Finding
from workers.settings import Settings
from workers.settings.enforcement import asks_for_approval


def unnoticed(settings: Settings) -> Iterator[Finding]:
    """Each as a warning."""
    yield from _never_by_themselves(settings)
    yield from _reach(settings)
    if len(settings.operators) == 1:
        (name,) = settings.operators
        cure = "unglue operators add: a second one approves what this one asks for"
        yield Finding("operators", "warn", f"only {name} may do anything", cure)
    if not settings.spool_dir:
        cure = "set spool_dir to a folder of the service's own"
        yield Finding("spool", "warn", "events are turned away while Redis is away", cure)
    # Where somebody approves, the missing link is what is told.
    if not settings.secret_keys and not any(asks_for_approval(settings)):
        cure = "set secret_keys: at least 32 random characters"
        yield Finding("audit", "warn", "the audit log is not signed: no secret_keys", cure)


def _reach(settings: Settings) -> Iterator[Finding]:
    """Whether links in messages lead anybody here. A rehearsal needs nobody else."""
    here = is_loopback(urlsplit(settings.public_url).hostname or "")
    if here and not is_loopback(urlsplit(settings.itglue.base_url).hostname or ""):
        message = f"public_url is {settings.public_url}: its links lead nobody here"
        cure = "set public_url to the address under which people and senders reach the service"
        yield Finding("configuration", "warn", message, cure)


def _never_by_themselves(settings: Settings) -> Iterator[Finding]:
    policy = settings.policy
    if any(limit != 0 for limit in policy.dependency_limits.values()):
        return
    cure = "see that somebody may approve and is told, or raise policy.dependency_limits"
    for name, source in settings.sources.items():
        asked = source.approval or policy.approval
        if source.may_confirm and asked != "always":
            message = (
                f"source {name} confirms and nobody is asked, but every limit is 0: what holds a "
                "single record is never deleted without a person who grants force_delete"
            )
            yield Finding("policy", "warn", message, cure)
