"""What a PSA's whole list says that nobody had said: for PSAs that do not tell what changed.

Each client is compared with what the list said before and with what events said of it. A client
that is listed no more says nothing by that, for a list may be short: only NinjaOne's own log says
that an organization was deleted. What the list says is as old as the beginning of its reading.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from adapters.clients import known_as
from adapters.contract import SourceConfig
from adapters.fields import Unreadable, printable, readable_name
from adapters.halopsa.config import HaloPSAConfig
from adapters.likeness import likeness
from adapters.ninjaone.activity import Deleted, deletion_in
from adapters.ninjaone.config import NinjaOneConfig
from workers.ledger.deleting.registers import Registers
from workers.ledger.events.catch_ups import Client, Known
from workers.pipeline.identity.identities import bounded
from workers.pipeline.identity.naming import same
from workers.psa.company import Company, PsaClient, every
from workers.psa.ninjaone.client import NinjaOneClient

# An activity as young as that may have its event still on the way, and our clock may be ahead.
SETTLED: Final = timedelta(minutes=3)
# A list that shows what was deleted for longer than that contradicts the log.
_LAGS: Final = timedelta(hours=2)
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Read:
    """What a reading came to: what is news, what is known from now on, what could not be read.

    `gone` are clients that are listed no more, told for the first time.
    """

    news: tuple[Company, ...]
    known: Known
    faults: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


async def compared(
    source: str,
    config: SourceConfig,
    client: PsaClient,
    known: Known | None,
    registers: Registers,
    now: datetime,
) -> Read:
    """Read everything that the PSA of this source lists, `now`, and compare it.

    Who is read for the first time, or is another tenant than before, has nothing new. Raises
    PsaError: it does not tell all of it.
    """
    tenant = _tenant(config)
    log = client if isinstance(client, NinjaOneClient) else None
    before = known if known is not None and known.tenant == tenant else None
    mark = 0 if before is not None or log is None else await log.newest_activity()
    listed, faults = await every(client)
    clients = {each.id: Client(each.active, each.name) for each in listed}
    if before is None:
        return Read((), Known(tenant, clients, mark), faults)
    deleted = _Log(before.mark)
    if log is not None and isinstance(config, NinjaOneConfig):
        deleted = await _deleted(log, config, before, listed, now)
    states = await _states(source, registers, listed)
    # The log knows better than the list what it has just lost.
    sure = [each for each in listed if each.id not in deleted.unsettled]
    # Whatever became active since then is newer than this inactive.
    dated = [
        replace(each, changed_at=now if each.active else now - SETTLED)
        for each in news(sure, before.clients, states)
    ]
    absent = {
        number: each
        for number, each in before.clients.items()
        if number not in clients and number not in deleted.ids
    }
    faults = (*faults, *deleted.faults)
    # What cannot be read may be about one of these.
    missing = {
        number
        for number, each in absent.items()
        if not (each.missed or faults or number in deleted.unsettled)
    }
    clients |= {
        number: replace(each, missed=each.missed or number in missing)
        for number, each in absent.items()
    }
    return Read(
        (*dated, *deleted.companies),
        Known(tenant, clients, deleted.mark),
        faults,
        tuple(f"client {number} {printable(absent[number].name, 100)!r}" for number in missing),
    )


def news(
    listed: Sequence[Company], known: Mapping[str, Client], states: Mapping[str, Sequence[str]]
) -> list[Company]:
    """What the list says that is not known: pure.

    `states` are what was said of each client, by id, under each of its identities; "" is nothing.
    Inactive counts for who was listed before, and was active then or by an event since. An active
    client of the same name keeps it: by its name alone the organization may be either's.
    """
    named = {likeness(each.name) for each in listed if each.active}
    found = []
    for company in listed:
        said = [each for each in states[company.id] if each]
        before = known.get(company.id)
        if company.active:
            was_inactive = before is not None and not before.active and "active" not in said
            is_news = was_inactive or any(each != "active" for each in said)
        else:
            was_active = before is not None and (said[0] == "active" if said else before.active)
            is_news = was_active and likeness(company.name) not in named
        if is_news:
            found.append(company)
    return found


async def _states(
    source: str, registers: Registers, listed: Sequence[Company]
) -> dict[str, list[str]]:
    forms = [
        (each.id, (source, bounded(form)))
        for each in listed
        for form in known_as(id=each.id, name=readable_name(each.name))
    ]
    found: dict[str, list[str]] = {}
    states = await registers.states([client for _, client in forms])
    for (number, _), state in zip(forms, states, strict=True):
        found.setdefault(number, []).append(state)
    return found


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log says up to its entry `mark`.

    `companies` are gone, with these `ids`; of the `unsettled` it is not known yet.
    """

    mark: int
    companies: tuple[Company, ...] = ()
    ids: frozenset[str] = frozenset()
    unsettled: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()


async def _deleted(
    log: NinjaOneClient,
    config: NinjaOneConfig,
    before: Known,
    listed: Sequence[Company],
    now: datetime,
) -> _Log:
    """What NinjaOne's log says since then, and up to where it is settled."""
    activities = await log.activities(before.mark)
    there, named = {each.id for each in listed}, {likeness(each.name) for each in listed}
    companies, ids, unsettled = list[Company](), set[str](), set[str]()
    faults = list[str]()
    mark = max((int(each["id"]) for each in activities), default=before.mark)
    # The oldest first, as it happened.
    for activity in reversed(activities):
        number = int(activity["id"])
        try:
            deleted = deletion_in(config, activity)
        except Unreadable as error:
            faults.append(
                f"activity {number} says that an organization was deleted ({error}); see pointers "
                "and name_template of the source"
            )
            continue
        if deleted is None:
            continue
        gone = _gone(deleted, before.clients)
        if gone.id in there or now - deleted.at < SETTLED:
            unsettled.add(gone.id)
            mark = min(mark, number - 1)
            if gone.id in there and now - deleted.at > _LAGS:
                faults.append(
                    f"activity {number} says that organization {gone.id} was deleted, and it is "
                    "listed"
                )
            continue
        ids.add(gone.id)
        if likeness(gone.name) not in named:
            companies.append(gone)
    return _Log(
        before.mark if faults else mark,
        tuple(companies),
        frozenset(ids),
        frozenset(unsettled),
        tuple(faults),
    )


def _gone(deleted: Deleted, known: Mapping[str, Client]) -> Company:
    """The organization that is gone; without an id where its name alone does not tell."""
    number, name = deleted.organization, deleted.name
    if number is None:
        alike = [each for each, client in known.items() if same(client.name, name or "")]
        number = alike[0] if len(alike) == 1 else ""
    if name is None:
        name = known[number].name if number in known else ""
    because = f"activity {deleted.activity} of NinjaOne says that it was deleted"
    return Company(number, name, active=False, because=because, deleted=True, changed_at=deleted.at)


def _tenant(config: SourceConfig) -> str:
    """By which the list of another tenant is seen; nothing can be read from it."""
    match config:
        case HaloPSAConfig(api=api) if api is not None:
            whose = (api.base_url, api.tenant)
        case NinjaOneConfig(api=api) if api is not None:
            whose = (api.base_url, api.client_id)
        case _:
            whose = ("", None)
    return hashlib.sha256(repr(whose).encode()).hexdigest()[:16]


def shortened(gone: Sequence[str]) -> str:
    """Those that are gone, in words."""
    named = ", ".join(gone[:_NAMED])
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    verb = "is" if len(gone) == 1 else "are"
    return f"{named}{more} {verb} listed no more, and nothing says why; nothing is asked for"
