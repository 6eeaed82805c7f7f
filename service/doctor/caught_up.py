"""Whether it is known what the PSAs changed, whatever their events say."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final

from service.doctor.finding import Finding
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.settings.schedules import catch_ups
from workers.times.clock import Clock, rfc3339

_PART: Final = "catch-up"
# Of what is done every hour, three.
_LATE: Final = timedelta(hours=3)
_CURES: Final = {
    "PsaRefused": "correct sources.{name}.api, or what its user may read",
    "PsaUnreachable": "look at the way there; it is tried again at its next time",
    "PsaAnswerUnreadable": "look at the named company in the PSA, or at sources.{name}.api",
}


async def caught_up_findings(
    settings: Settings, ledger: Ledger, clock: Clock
) -> AsyncGenerator[Finding]:
    """Every source that is caught up with."""
    now = clock()
    for name, (cron, _) in catch_ups(settings.schedules, settings.sources).items():
        known = await ledger.catch_ups.get(name)
        if known is None or (known.confirmed_at is None and not known.fault):
            yield Finding(_PART, "warn", f"{name}: never done yet", "start: unglue scheduler")
        elif known.fault:
            words = f"{name}: has not gone on since {rfc3339(known.since or now)}: {known.fault}"
            cure = _CURES.get(known.code, "look into the workers' logs")
            yield Finding(_PART, "fail", words, cure.format(name=name))
        elif cron.endswith(" * * * *") and now - (known.confirmed_at or now) > _LATE:
            words = f"{name}: last done at {rfc3339(known.confirmed_at or now)}"
            yield Finding(_PART, "fail", words, "start: unglue scheduler, unglue worker")
        else:
            found = await ledger.catch_ups.found(name)
            made_up = ", ".join(f"{number} {state}" for state, number in found.items())
            words = f"{name}: up to {rfc3339(known.point)}; never came and made up for: {made_up}"
            yield Finding(_PART, "ok", words)
