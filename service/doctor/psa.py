"""Whether the PSAs can be asked that are to be asked: credentials, company, statuses."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from adapters.connectwise.config import ConnectWiseConfig
from adapters.contract import SourceConfig
from adapters.errors import PsaError
from adapters.fields import folded, printable
from service.doctor.finding import Finding
from workers.psa.companies import Asked
from workers.psa.company import PsaClient, Status
from workers.settings import Settings

_CURES: Final = {
    "PsaRefused": "correct the credentials in [sources.{name}.api], or what their user may read",
    "PsaUnreachable": "look at the way there; deletions of its clients wait meanwhile",
    "PsaAnswerUnreadable": "correct sources.{name}.api.base_url; deletions wait meanwhile",
}


async def psa_findings(settings: Settings) -> AsyncGenerator[Finding]:
    """Every source that is to be asked; nothing of one that is not."""
    async with Asked(settings.sources) as asked:
        for name, config in settings.sources.items():
            if config.asks:
                async for finding in findings_of(name, config, await asked.client(name)):
                    yield finding


async def findings_of(
    name: str, config: SourceConfig, client: PsaClient, company: str | None = None
) -> AsyncGenerator[Finding]:
    """What its PSA answers: the statuses, and with `company` that one."""
    try:
        statuses = await client.statuses()
        yield Finding("psa", "ok", f"{name}: the credentials work")
        if statuses is not None and isinstance(config, ConnectWiseConfig):
            for finding in _disagreeing(name, config, statuses):
                yield finding
        if company is not None:
            yield await _company(name, client, company)
    except PsaError as error:
        yield Finding("psa", "fail", error.message, _CURES[error.code].format(name=name))


async def _company(name: str, client: PsaClient, number: str) -> Finding:
    found = await client.company(number)
    if found is None:
        return Finding("psa", "fail", f"{name}: there is no company {number}", "give another id")
    state = "active" if found.active else "inactive"
    shown = printable(found.name, 100)
    return Finding("psa", "ok", f"{name}: company {found.id} {shown!r} is {state}: {found.because}")


def _disagreeing(name: str, config: ConnectWiseConfig, statuses: Sequence[Status]) -> list[Finding]:
    """Where the configuration and ConnectWise call different statuses inactive."""
    known = {
        status.id: folded(status.name) in config.inactive_names or status.id in config.inactive_ids
        for status in statuses
    }
    missed = [each for each in statuses if each.inactive and not known[each.id]]
    vain = [each for each in statuses if known[each.id] and not each.inactive]
    found = []
    if missed:
        cure = f"add them to sources.{name}.inactive_statuses, or their clients stay"
        words = f"inactive in ConnectWise and not for Unglue: {_named(missed)}"
        found.append(Finding("psa", "warn", f"{name}: {words}", cure))
    if vain:
        cure = f"take them out of sources.{name}.inactive_statuses: such a deletion is cancelled"
        words = f"inactive for Unglue and not in ConnectWise: {_named(vain)}"
        found.append(Finding("psa", "warn", f"{name}: {words}", cure))
    if not found:
        inactive = [each for each in statuses if each.inactive]
        found.append(Finding("psa", "ok", f"{name}: inactive is {_named(inactive) or 'no status'}"))
    return found


def _named(statuses: Sequence[Status]) -> str:
    return ", ".join(f"{printable(each.name, 60)!r} ({each.id})" for each in statuses)
