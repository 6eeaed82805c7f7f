"""Walk through what a PSA changed since the confirmed point, and take in what no event had said.

Each company goes through intake, which knows what is known of it. The point moves at the end, if
every page was read and everything in it is durable: whatever ends a run midway, the next one begins
where this one did.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from adapters.errors import PsaError, UnglueError
from workers.bulk.catch_up.causes import cause_of
from workers.bulk.catch_up.compared import SETTLED, compared, shortened
from workers.intake.intake import Intake
from workers.ledger.events.catch_ups import CatchUp, Notice, Slice
from workers.ledger.ledger import Ledger
from workers.processes.lease import under_lease
from workers.processes.queue import Enqueue
from workers.psa.companies import Asked
from workers.psa.company import Company, PsaClient
from workers.settings import Settings
from workers.times.clock import Clock, rfc3339, to_ms
from workers.times.durations import milliseconds

# Twice over each change: for clocks that differ, and for what a PSA shows late.
OVERLAP: Final = timedelta(minutes=15)
SLICE: Final = timedelta(seconds=40)
_FIRST_WAIT: Final = timedelta(minutes=1)
_MOST_ATTEMPTS: Final = 3
_MOST_DEATHS: Final = 3
_TOLD_FOR: Final = milliseconds(timedelta(hours=6))
_HOUR: Final = milliseconds(timedelta(hours=1))


class Stopped(UnglueError):
    """A run ended its workers."""

    code = "WorkerEnded"


@dataclass(frozen=True, slots=True)
class Way:
    """What a worker works with."""

    ledger: Ledger
    intake: Intake
    companies: Asked
    settings: Settings
    enqueue: Enqueue
    clock: Clock


async def advance_catch_up(record_id: str, way: Way) -> CatchUp | None:
    """One slice: how it stands then, or `None` if there was nothing to do for us. Raises Fenced."""
    records, clock = way.ledger.catch_ups, way.clock
    held = await records.lease(record_id, clock())
    if held is None:
        return None
    config = way.settings.sources.get(held.source)
    if config is None or not config.catches_up:
        # It was configured otherwise since the run began.
        return await records.record(held, Slice(over=True), clock())
    if held.deaths >= _MOST_DEATHS:
        killed = Stopped(f"it ended its worker {held.deaths} times in a row; look into their logs")
        return await records.record(held, _stands(held, killed, clock()), clock())
    stop = clock() + SLICE
    while True:
        try:
            done = await under_lease(_step(held, way), "catch_up", held, way.ledger, clock)
        except PsaError as error:
            done = _stands(held, error, clock())
        if not done.over and done.until is None and clock() >= stop:
            done = Slice(done.fields, clock(), notices=done.notices)
        held = await records.record(held, done, clock())
        if held.finished_at is not None or done.until is not None:
            return held


async def _step(held: CatchUp, way: Way) -> Slice:
    """One page, or the end."""
    since = held.point - OVERLAP
    client = await way.companies.client(held.source)
    if not way.settings.sources[held.source].dated:
        return await _whole(held, client, way)
    page = await client.page(held.after, since)
    if page.last is None:
        return await _end(held, way)
    newest, faults = held.newest, list(page.faults)
    found = {"inactive": held.inactive, "active": held.active}
    for company in page.companies:
        at = company.changed_at
        if at is None:
            faults.append(f"company {company.id} does not say when it was changed")
            continue
        if at < since - timedelta(seconds=1):
            raise client.unreadable(
                f"lists company {company.id}, which has not changed since {rfc3339(since)}"
            )
        if at > held.began_at - SETTLED:
            continue
        newest = max(newest, at) if newest else at
        if await _taken_in(held, company, way):
            found["active" if company.active else "inactive"] += 1
    return Slice(
        {
            "after": page.last,
            "newest": to_ms(newest) if newest else 0,
            "attempts": 0,
            "unread": held.unread or (faults[0] if faults else ""),
            **found,
        }
    )


async def _whole(held: CatchUp, client: PsaClient, way: Way) -> Slice:
    """The whole run, of a PSA that does not say what changed."""
    now, config = way.clock(), way.settings.sources[held.source]
    known = await way.ledger.catch_ups.known(held.source)
    read = await compared(held.source, config, client, known, way.ledger.registers, now)
    taken = [each.active for each in read.news if await _taken_in(held, each, way)]
    inactive, active = held.inactive + taken.count(False), held.active + taken.count(True)
    unread = read.faults[0] if read.faults else ""
    held = replace(held, newest=now, unread=unread, inactive=inactive, active=active)
    done = await _end(held, way)
    notices = list(done.notices)
    if read.gone:
        detail = {"source": held.source, "since": rfc3339(held.point)}
        detail["detail"] = f"the PSA of source {held.source}: {shortened(read.gone)}"
        notices.append(Notice("catch_up_failing", detail, f"{held.source}:{now}", _TOLD_FOR))
    fields = {**done.fields, "inactive": inactive, "active": active}
    return replace(done, fields=fields, known=read.known, notices=notices)


async def _taken_in(held: CatchUp, company: Company, way: Way) -> bool:
    """Whether it was news."""
    changed_at = company.changed_at.isoformat() if company.changed_at else None
    said = {**asdict(company), "changed_at": changed_at}
    receipt = await way.intake.catch_up(held.source, said)
    if receipt is None:
        return False
    if receipt.deletion_id is not None and receipt.job is not None:
        await way.enqueue(receipt.deletion_id, receipt.job)
    return receipt.verdict != "rejected"


async def _end(held: CatchUp, way: Way) -> Slice:
    """The point moves, unless something could not be read."""
    notices = []
    if held.inactive or held.active:
        detail = {"source": held.source, "inactive": held.inactive, "active": held.active}
        detail["since"] = rfc3339(held.point)
        cause = await cause_of(held.source, way.settings, held.point)
        notices.append(
            Notice("events_missed", {**detail, "cause": cause or "unknown"}, held.source, _HOUR)
        )
    if held.unread:
        fault = f"the PSA of source {held.source}: {held.unread}"
        return _standing(held, fault, "PsaAnswerUnreadable", way.clock(), notices)
    point = min(held.newest or held.point, held.began_at - SETTLED)
    fields: dict[str, str | int] = {"point": to_ms(max(point, held.point)), "since": 0}
    fields |= {"confirmed_at": to_ms(way.clock()), "fault": "", "code": "", "unread": ""}
    return Slice(fields, over=True, notices=notices)


def _stands(held: CatchUp, error: UnglueError, now: datetime) -> Slice:
    """The point stays; what may pass by itself is tried again before the next time."""
    attempts = held.attempts + 1
    if error.retryable and attempts < _MOST_ATTEMPTS:
        pause = timedelta(seconds=getattr(error, "retry_after", None) or 0)
        until = now + max(pause, _FIRST_WAIT * 2**held.attempts)
        return Slice({"attempts": attempts, **_faulty(held, error.message, error.code, now)}, until)
    return _standing(held, error.message, error.code, now, [])


def _faulty(held: CatchUp, fault: str, code: str, now: datetime) -> dict[str, str | int]:
    return {"fault": fault, "code": code, "since": to_ms(held.since or now)}


def _standing(held: CatchUp, fault: str, code: str, now: datetime, notices: list[Notice]) -> Slice:
    detail = {"source": held.source, "since": rfc3339(held.point), "detail": fault}
    told = Notice("catch_up_failing", detail, held.source, _TOLD_FOR)
    fields = {**_faulty(held, fault, code, now), "unread": ""}
    return Slice(fields, over=True, notices=[*notices, told])
