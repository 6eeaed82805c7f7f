"""Work a bulk replay off: one record after the other, no faster than was asked, each once.

A slice ends after a second's worth of records and goes back to the due score. A record's replay
is named after the bulk replay, so that whoever takes it over from a dead worker finds it done.
"""

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.errors import NotFound
from workers.intake.intake import Intake
from workers.ledger.bulk.replays import BulkReplay
from workers.ledger.deleting.deletions import Anew
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.pipeline.states import CANCELLED
from workers.pipeline.terms import known_as
from workers.processes.lease import under_lease
from workers.processes.queue import Enqueue
from workers.settings import Settings
from workers.settings.policy import milder
from workers.times.clock import Clock

_MOST_DEATHS: Final = 3


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker works with."""

    ledger: Ledger
    reader: Intake
    enqueue: Enqueue
    clock: Clock
    settings: Settings

    @property
    def url(self) -> str:
        """The configured callback URL, "" for none."""
        return self.settings.callback.url or ""


async def advance_replay(replay_id: str, means: Means) -> BulkReplay | None:
    """One slice: how it stands then, or `None` if there was nothing to do for us. Raises Fenced."""
    replays, clock = means.ledger.replays, means.clock
    held = await replays.lease(replay_id, clock())
    if held is None:
        return None
    left = max(1, held.rate // 60)
    until = clock() + left * timedelta(minutes=1) / held.rate
    while held.finished_at is None and left > 0:
        left -= 1
        item = None if held.stopped_by else await replays.item(held)
        if item is None:
            return await replays.end(held, clock())
        dies = held.deaths >= _MOST_DEATHS
        outcome = "killed_its_worker"
        if not dies:
            work = _outcome(held, item, means)
            outcome = await under_lease(work, "replay", held, means.ledger, clock)
        held = await replays.record(
            held, item, outcome, until=until if left == 0 else None, now=clock()
        )
    return held


async def _outcome(held: BulkReplay, item: str, means: Means) -> str:
    try:
        await _replay(held, item, means)
    except ReplayRefused as refused:
        return refused.why
    except NotFound:
        return "unknown"
    return "replayed"


async def _replay(held: BulkReplay, item: str, means: Means) -> None:
    token = f"{held.id}:{item}"
    known = known_as(held.by, means.settings)
    match held.what:
        case "deletions":
            deletion = await means.ledger.deletions.get(item)
            overrules = held.named or held.filter.get("state") == CANCELLED
            job = await means.ledger.deletions.replay(
                item,
                operator=held.by,
                token=token,
                callback_url=deletion.request.callback_url or means.url,
                overrule=overrules and held.ordered_after,
                now=means.clock(),
                asked=Anew(milder(held.mode, means.settings.policy.mode), known),
            )
            if job is not None:
                await means.enqueue(item, job)
        case "deliveries":
            by = Replay(held.by, token, known_as=known, mode=held.mode)
            acknowledged = await means.reader.replay(item, by)
            for receipt in acknowledged.receipts:
                if receipt.deletion_id is not None and receipt.job is not None:
                    await means.enqueue(receipt.deletion_id, receipt.job)
        case "callbacks":
            await _send_again(held, item, token, means)


async def _send_again(held: BulkReplay, item: str, token: str, means: Means) -> None:
    """A result goes to the URL of its request, or to the one that is configured now."""
    of = await means.ledger.callbacks.deletion_of(item) or item
    url = means.url
    # A sweep's summary has a URL of its own.
    with contextlib.suppress(NotFound):
        url = (await means.ledger.deletions.get(of)).request.callback_url or url
    await means.ledger.callbacks.replay(
        item, operator=held.by, token=token, url=url, now=means.clock()
    )
