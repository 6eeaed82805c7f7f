"""What `doctor` says of the work itself: is it taken up, does it break off, is it told outside."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

from workers.ledger.installation.heartbeats import Call
from workers.ledger.ledger import Ledger
from workers.processes.runtime import queue_of
from workers.settings import Settings
from workers.times.clock import rfc3339
from workers.upkeep.heartbeat import unwell

# A job that breaks off once may have been killed with its machine.
_MANY: Final = 3
# As RQ keeps what failed: its score is when it is forgotten.
_KEPT: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_LATE: Final = timedelta(minutes=3)
_Said = tuple[str, Literal["ok", "warn", "fail"], str, str]


async def work_findings(settings: Settings, ledger: Ledger, now: datetime) -> list[_Said]:
    """Each: the part, the level, what was seen and its cure. Raises RedisError, OSError."""
    measures = await ledger.measuring.now(now, settings.sources)
    found: list[_Said] = []
    for said in unwell(measures):
        # Who is alive, and pauses, are findings of their own.
        if not said.startswith(("no ", "paused")):
            cure = "is a scheduler alive, and are there workers enough? see their logs"
            found.append(("deletions", "warn", said, cure))
    since = int((now - _HOUR + _KEPT).timestamp())
    name = f"rq:failed:{queue_of(settings)}"
    broken = await ledger.store.redis.zcount(name, since, "+inf")
    if broken >= _MANY:
        cure = "look at them in /rq, and at the workers' logs: memory, or a fault of Unglue"
        said = f"{broken} jobs broke off within an hour"
        found.append(("worker", "warn", said, cure))
    if settings.heartbeat.url is not None:
        found += _told(await ledger.heartbeats.newest_call(), now)
    return found


def _told(call: Call | None, now: datetime) -> Iterator[_Said]:
    part = "heartbeat"
    if call is None:
        yield part, "warn", "was never sent", "start: unglue scheduler"
    elif now - call.at > _LATE:
        said = f"was last thought of at {rfc3339(call.at)}"
        yield part, "warn", said, "start: unglue scheduler"
    elif call.state == "withheld":
        yield part, "warn", f"is withheld: {call.why}", "cure what the other findings name"
    elif call.state == "failed":
        yield part, "warn", f"is not taken: {call.why}", "correct heartbeat.url"
    else:
        yield part, "ok", f"sent at {rfc3339(call.at)}", ""
