"""Is this installation able to do its work? Every check against the real services, with a cure."""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from service.doctor.caught_up import caught_up_findings
from service.doctor.configuration import configured, exposed, in_force
from service.doctor.finding import Finding, alone
from service.doctor.itglue import itglue_findings
from service.doctor.ledger import answers, ledger_findings, redis_findings, storage
from service.doctor.pilot import unnoticed
from service.doctor.places import folders, key_servers, receivers
from service.doctor.psa import psa_findings
from service.doctor.registered import registered_findings
from service.doctor.sign_on import sign_on_findings
from service.doctor.work import gone, heartbeats, holds, unreached, work_findings
from workers.processes.runtime import open_ledger
from workers.settings import Settings
from workers.times.clock import system_clock

_OF_THE_LEDGER = (
    ("redis", storage),
    ("scheduler", heartbeats),
    ("outbox", unreached),
    ("configuration", in_force),
    ("sources", gone),
    ("ledger", ledger_findings),
    ("deletions", holds),
    ("deletions", work_findings),
    ("catch-up", caught_up_findings),
)


async def examine(settings: Settings) -> AsyncGenerator[Finding]:
    """Every check, one after the other. Each stands alone: none needs that another works."""
    async with open_ledger(settings) as ledger:
        trouble, how = await answers(ledger)
        checks = [
            ("configuration", _each(configured(settings))),
            ("configuration", _each(exposed(os.environ))),
            ("redis", redis_findings(settings, ledger, trouble, how)),
        ]
        if not trouble:
            checks += [
                (part, check(settings, ledger, system_clock)) for part, check in _OF_THE_LEDGER
            ]
        checks += [
            ("it glue", itglue_findings(settings, counted=not trouble)),
            ("psa", psa_findings(settings)),
            ("callbacks", registered_findings(settings)),
            ("sign-on", sign_on_findings(settings)),
            ("callback", receivers(settings)),
            ("sources", key_servers(settings)),
            ("policy", _each(unnoticed(settings))),
            ("folders", _each(folders(settings))),
        ]
        for part, check in checks:
            async with aclosing(alone(part, check)) as findings:
                async for finding in findings:
                    yield finding


async def _each(findings: Iterable[Finding]) -> AsyncGenerator[Finding]:
    for finding in findings:
        yield finding
