"""What monitoring asks for: everything there is to count, read in two round trips.

Gauges are read from the ledger by whoever is asked; counters are kept there, by the scripts that
decide. So it does not matter how many processes there are, and which of them answers.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from workers.ledger.events.catch_ups import id_of
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, SERVICE, WORKER
from workers.ledger.store import Part
from workers.pipeline.states import STATES
from workers.times.clock import to_ms
from workers.times.durations import milliseconds

PARTS: Final = (SERVICE, WORKER, SCHEDULER, OUTBOX)
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
# As the script counts that gives requests out.
_STEP: Final = 10_000
_STEPS: Final = 31
_SEPARATOR: Final = "|"

# What is a number as it is read.
_NUMBERS: Final = (
    "begun", "due", "overdue", "jobs", "jobs_failed", "results_due", "silent_hosts",
    "failing_targets", "audit_pending",
)  # fmt: skip
_COUNTS: Final = ("ended", "attempts", "requests", "steps")

Counts = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Of:
    """What is known of one source: seconds since its newest delivery, and what waits or holds.

    `caught_up` counts what its PSA said and no event, by state; `behind` is how long ago it was
    last known to be everything.
    """

    silent_for: float | None
    verdicts: Mapping[str, int]
    held: int
    quarantined: int
    caught_up: Mapping[str, int] = field(default_factory=dict)
    behind: float | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything at one moment; ages are in seconds.

    `oldest` is the age of the deletion that waits longest, by state; `beats` the age of a part's
    last sign of life, without those that gave none lately. `ended` counts by source, state and
    error code, `attempts` by kind and outcome, `requests` by method, endpoint and status, `steps`
    by step and time (`workers/itglue/tally.py`). `queue_oldest` is how long the next job has
    waited, `line_oldest` the same of what waits for its turn. `chain_seq` is the newest entry of
    the audit log, `audit_pending` what is to join it.
    """

    deletions: Mapping[str, int]
    oldest: Mapping[str, float]
    begun: int
    due: int
    overdue: int
    jobs: int
    jobs_failed: int
    queue_oldest: float
    in_line: int
    line_oldest: float
    results_due: int
    results_oldest: float
    beats: Mapping[str, float]
    pauses: Collection[str]
    budget_used: int
    budget_held: float
    ended: Counts
    attempts: Counts
    requests: Counts
    steps: Counts
    silent_hosts: int
    failing_targets: int
    chain_seq: int
    audit_pending: int
    spools: int
    spools_holding: int
    spooled: int
    spool_oldest: float
    sources: Mapping[str, Of]


class Measuring(Part):
    """Reads them."""

    async def now(self, now: datetime, sources: Iterable[str]) -> Measures:
        """The measures. `sources` are the configured ones. Raises redis.RedisError, OSError."""
        at = to_ms(now)
        first = await self._first(at)
        known = sorted({*sources, *_words(first["last"])})
        second = await self._second(first, known)
        spools = [_words(fields) for fields in second["spools"]]
        counts: dict[str, Any] = {name: _counts(first[name]) for name in _COUNTS}
        used, held_for = budget_used(first["budget"], first["held_until"], at)
        return Measures(
            deletions=dict(zip(STATES, first["counts"], strict=True)),
            oldest={
                state: _age(at, found[0][1])
                for state, found in zip(STATES, first["fronts"], strict=True)
                if found
            },
            **{name: first[name] for name in _NUMBERS},
            **counts,
            queue_oldest=_since(now, second["enqueued"]),
            in_line=sum(length for length, _ in second["lines"]),
            line_oldest=max(
                (_age(at, front[0][1]) for _, front in second["lines"] if front), default=0.0
            ),
            results_oldest=max(0.0, _age(at, first["result"][0][1])) if first["result"] else 0.0,
            beats={
                part: _age(at, said)
                for part, said in zip(PARTS, first["beats"], strict=True)
                if said is not None
            },
            pauses=tuple(_words(first["paused"])),
            budget_used=used,
            budget_held=held_for,
            chain_seq=int(first["chain_seq"] or 0),
            spools=len(first["spools"]),
            spools_holding=sum(
                at - empty_at > 3000 or fields.get("aside", "[]") != "[]"
                for (_, empty_at), fields in zip(first["spools"], spools, strict=True)
            ),
            spooled=sum(int(fields.get("waiting", 0)) for fields in spools),
            spool_oldest=max(
                (_age(at, fields["oldest"]) for fields in spools if fields.get("oldest")),
                default=0.0,
            ),
            sources={
                name: Of(
                    _age(at, first["last"][name.encode()])
                    if name.encode() in first["last"]
                    else None,
                    {verdict: int(count) for verdict, count in _words(verdicts).items()},
                    held,
                    quarantined,
                    {state: int(count) for state, count in _words(found).items()},
                    _age(at, confirmed) if confirmed else None,
                )
                for name, (verdicts, held, quarantined, found, confirmed) in zip(
                    known, second["sources"], strict=True
                )
            },
        )

    async def _first(self, at: int) -> dict[str, Any]:
        key, queue = self._store.key, self._store.queue_key
        failed = queue.replace("rq:queue:", "rq:failed:", 1)
        async with self._store.redis.pipeline(transaction=True) as reads:
            named: dict[str, Any] = {}

            def ask(name: str, _queued: object) -> None:
                named[name] = None

            ask("begun", reads.zcount(key("begun"), f"({at - milliseconds(_DAY)}", "+inf"))
            ask("due", reads.zcount(key("due"), "-inf", at))
            ask("overdue", reads.zcount(key("due"), "-inf", at - milliseconds(_MINUTE)))
            ask("jobs", reads.llen(queue))
            ask("jobs_failed", reads.zcard(failed))
            ask("head", reads.lindex(queue, 0))
            ask("results_due", reads.zcount(key("callbacks", "due"), "-inf", at))
            ask("result", reads.zrange(key("callbacks", "due"), 0, 0, withscores=True))
            ask("paused", reads.hgetall(key("paused")))
            ask("budget", reads.hgetall(key("itglue", "requests")))
            ask("held_until", reads.get(key("itglue", "held_until")))
            ask("ended", reads.hgetall(key("counts", "ended")))
            ask("attempts", reads.hgetall(key("counts", "callbacks")))
            ask("requests", reads.hgetall(key("counts", "requests")))
            ask("steps", reads.hgetall(key("counts", "steps")))
            ask("silent_hosts", reads.hlen(key("hosts", "silent")))
            ask("failing_targets", reads.hlen(key("targets", "failing")))
            ask("chain_seq", reads.hget(key("audit", "head"), "seq"))
            ask("audit_pending", reads.xlen(key("audit", "pending")))
            ask("spools", reads.zrange(key("spools"), 0, -1, withscores=True))
            ask("turns", reads.zrange(key("turns"), 0, -1))
            ask("last", reads.hgetall(key("sources", "last")))
            for part in PARTS:
                reads.get(key("heartbeat", part))
            for state in STATES:
                reads.zcard(key("deletions", state))
            for state in STATES:
                reads.zrange(key("deletions", state), 0, 0, withscores=True)
            answers = await reads.execute()
        for name in named:
            named[name] = answers.pop(0)
        for name, many in (("beats", PARTS), ("counts", STATES), ("fronts", STATES)):
            named[name], answers = answers[: len(many)], answers[len(many) :]
        return named

    async def _second(self, first: Mapping[str, Any], sources: list[str]) -> dict[str, Any]:
        """What can only be asked once it is known of what."""
        key = self._store.key
        head = (first["head"] or b"-").decode()
        async with self._store.redis.pipeline(transaction=False) as reads:
            reads.hget(f"rq:job:{head}", "enqueued_at")
            for source in sources:
                reads.hgetall(key("counts", "verdicts", source))
                reads.hlen(key("holding", source))
                reads.hlen(key("quarantine", source))
                reads.hgetall(key("counts", "caught_up", source))
                reads.hget(key("catch_up", id_of(source)), "confirmed_at")
            for name in first["turns"]:
                reads.zcard(key("turn", name.decode()))
                reads.zrange(key("turn", name.decode()), 0, 0, withscores=True)
            for name, _ in first["spools"]:
                reads.hgetall(key("spool", name.decode()))
            enqueued, *answers = await reads.execute()
        rows = [answers[place : place + 5] for place in range(0, 5 * len(sources), 5)]
        answers = answers[5 * len(sources) :]
        lines = [answers[place : place + 2] for place in range(0, 2 * len(first["turns"]), 2)]
        spools = answers[2 * len(first["turns"]) :]
        return {"enqueued": enqueued, "sources": rows, "lines": lines, "spools": spools}


def budget_used(
    steps: Mapping[bytes, bytes], held_until: bytes | None, at: int
) -> tuple[int, float]:
    """Requests of the last 5 minutes, and for how many seconds nobody may send one. Pure."""
    newer = at // _STEP - _STEPS
    used = sum(int(count) for step, count in steps.items() if int(step) > newer)
    return used, max(0.0, -_age(at, held_until or 0))


def counted(*labels: str) -> str:
    """The field under which something with these labels is counted."""
    return _SEPARATOR.join(labels)


def _counts(flat: Mapping[bytes, bytes]) -> Counts:
    return {tuple(name.split(_SEPARATOR)): int(count) for name, count in _words(flat).items()}


def _words(flat: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in flat.items()}


def _age(at: int, then: bytes | str | float) -> float:
    return (at - float(then)) / 1000


def _since(now: datetime, said: bytes | None) -> float:
    """How long ago that was, as RQ writes it down; 0 if it does not."""
    try:
        then = datetime.fromisoformat((said or b"").decode())
    except ValueError:
        return 0.0
    return max(0.0, (now - then).total_seconds())
