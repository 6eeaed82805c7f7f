"""Every metric of Unglue: its name, its meaning, and how it is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from service.supervision.metrics.reading import (
    Kind,
    Labels,
    Metric,
    Read,
    Sample,
    Seen,
    bounded,
    counted,
)
from service.terminal.messages_page import codes
from workers.itglue.tally import ABOVE, BUCKETS, ENDPOINTS, OTHER, STATUSES, SUM
from workers.ledger.installation.measures import PARTS, Of
from workers.ledger.installation.stop_switch import ACCOUNT_CHANGED, KEY_REFUSED, LEDGER_LOST
from workers.pipeline.advance import STEPS
from workers.pipeline.states import STATES, TERMINAL, VERDICTS

# Beside the verdicts: what was not signed by its sender, and what was not even looked at.
_COUNTED: Final = (*VERDICTS, "unauthentic", "limited")
_CAUSES: Final = ("operator", KEY_REFUSED, ACCOUNT_CHANGED, LEDGER_LOST)
_CODES: Final = sorted({each.code for each in codes()} | {"Cancelled", "DeletionUnverified"})
# As they are kept, and as people say it.
_KINDS: Final = {"result": "result", "notice": "notification"}
# What an attempt came to; "pending" is tried again.
_OUTCOMES: Final = ("delivered", "pending", "stopped", "dead")
_SAID: Final = ("inactive", "active")
_METHODS: Final = ("GET", "POST", "PATCH", "DELETE")

METRICS: Final[list[Metric]] = []


def _metric(kind: Kind, name: str, *labels: str) -> Callable[[Read], Read]:
    """A function that reads a metric; its docstring is the metric's meaning."""

    def made(read: Read) -> Read:
        meaning = " ".join((read.__doc__ or "").split())
        METRICS.append(Metric(name, kind, meaning, labels, read))
        return read

    return made


def _gauge(name: str, meaning: str, read: Callable[[Seen], float]) -> None:
    """A metric without labels."""
    METRICS.append(Metric(name, "gauge", meaning, (), lambda seen: [((), read(seen))]))


def _measure(name: str, meaning: str, field: str) -> None:
    """One of the measures, as it is."""
    _gauge(name, meaning, lambda seen: getattr(seen.measures, field))


def _of_sources(
    seen: Seen, counts: Callable[[Of], Mapping[str, int]]
) -> Iterator[tuple[tuple[str, ...], int]]:
    for source, each in seen.measures.sources.items():
        for what, count in counts(each).items():
            yield (source, what), count


@_metric("counter", "unglue_deliveries_total", "source", "verdict")
def _deliveries(seen: Seen) -> Iterable[Sample]:
    """Events of deliveries by what became of them; `unauthentic` was not signed by its sender,
    `limited` not looked at after too many of those.
    """  # noqa: D205 - one sentence, as Prometheus shows it
    return counted(_of_sources(seen, lambda each: each.verdicts), seen.sources, _COUNTED)


@_metric("gauge", "unglue_source_silent_seconds", "source")
def _silence(seen: Seen) -> Iterator[Sample]:
    """Time since a source's newest verified delivery; absent until there was one."""
    for source in seen.sources:
        each = seen.measures.sources.get(source)
        if each is not None and each.silent_for is not None:
            yield (source,), each.silent_for


@_metric("gauge", "unglue_source_patience_seconds", "source")
def _patience(seen: Seen) -> Iterator[Sample]:
    """The source's `silence_days`; absent where it is 0."""
    for source in seen.sources:
        if days := seen.settings.sources[source].silence_days:
            yield (source,), days * 86_400


@_metric("counter", "unglue_caught_up_total", "source", "said")
def _caught_up(seen: Seen) -> Iterable[Sample]:
    """Changes that a PSA said when it was asked, and no event had said."""
    return counted(_of_sources(seen, lambda each: each.caught_up), seen.sources, _SAID)


@_metric("gauge", "unglue_catch_up_age_seconds", "source")
def _behind(seen: Seen) -> Iterator[Sample]:
    """Time since it was last known that nothing of a source is missing; absent until then."""
    for source in seen.sources:
        each = seen.measures.sources.get(source)
        if each is not None and each.behind is not None:
            yield (source,), max(0.0, each.behind)


@_metric("gauge", "unglue_held_deliveries", "source")
def _held(seen: Seen) -> Iterable[Sample]:
    """Deliveries that were not understood and hold deletions (`unglue holds`)."""
    found = (((source,), each.held) for source, each in seen.measures.sources.items())
    return counted(found, seen.sources)


@_metric("gauge", "unglue_quarantined_deliveries", "source")
def _quarantined(seen: Seen) -> Iterable[Sample]:
    """Deliveries that could not be proved yet and hold deletions."""
    found = (((source,), each.quarantined) for source, each in seen.measures.sources.items())
    return counted(found, seen.sources)


@_metric("gauge", "unglue_deletions", "state")
def _deletions(seen: Seen) -> Iterator[Sample]:
    """Deletions in the ledger, by state."""
    for state in STATES:
        yield (state,), seen.measures.deletions[state]


@_metric("gauge", "unglue_deletions_oldest_seconds", "state")
def _oldest(seen: Seen) -> Iterator[Sample]:
    """Time since the oldest open deletion of a state was asked for."""
    for state in STATES:
        if state not in TERMINAL:
            yield (state,), max(0.0, seen.measures.oldest.get(state, 0.0))


@_metric("counter", "unglue_deletions_ended_total", "source", "state")
def _ended(seen: Seen) -> Iterable[Sample]:
    """Deletions that ended, by who asked for them and how they ended."""
    schedules = sorted(f"schedule:{name}" for name in seen.settings.sweeps)
    found = (((asker, state), count) for (asker, state, _), count in seen.measures.ended.items())
    return counted(found, ("api", *seen.sources, *schedules), sorted(TERMINAL))


@_metric("counter", "unglue_deletion_errors_total", "code")
def _errors(seen: Seen) -> Iterable[Sample]:
    """Deletions that ended with an error, by its first code (docs/errors.md)."""
    ended = seen.measures.ended.items()
    return counted((((code,), count) for (_, _, code), count in ended if code), _CODES)


_measure(
    "unglue_deletions_begun_24h",
    "Deletions whose call was granted within the last 24 hours.",
    "begun",
)
_gauge(
    "unglue_deletions_per_day_limit",
    "`policy.max_deletions_per_day`.",
    lambda seen: seen.settings.policy.max_deletions_per_day,
)
_measure("unglue_deletions_due", "Deletions that are due now.", "due")
_measure(
    "unglue_deletions_overdue",
    "Deletions that have been due for more than a minute, and nobody handed out.",
    "overdue",
)
_measure("unglue_queue_jobs", "Jobs in the queue of the workers, which is kept short.", "jobs")
_measure(
    "unglue_queue_oldest_seconds", "How long the next job has been in the queue.", "queue_oldest"
)
_measure(
    "unglue_line_deletions",
    "Deletions that wait in the lines of their sources for room in the queue.",
    "in_line",
)
_gauge(
    "unglue_line_oldest_seconds",
    "How long the first in those lines has waited.",
    lambda seen: max(0.0, seen.measures.line_oldest),
)
_measure(
    "unglue_jobs_failed",
    "Jobs that broke off within the last 7 days (crashed, killed, none of Unglue's).",
    "jobs_failed",
)


@_metric("gauge", "unglue_part_up", "part")
def _up(seen: Seen) -> Iterator[Sample]:
    """1 if at least one process of this part gave a sign of life lately."""
    for part in PARTS:
        yield (part,), float(part in seen.measures.beats)


@_metric("gauge", "unglue_part_beat_age_seconds", "part")
def _beats(seen: Seen) -> Iterator[Sample]:
    """Age of the part's newest sign of life; absent while it is not up."""
    for part in PARTS:
        if part in seen.measures.beats:
            yield (part,), max(0.0, seen.measures.beats[part])


@_metric("gauge", "unglue_paused", "cause")
def _paused(seen: Seen) -> Iterator[Sample]:
    """1 while deletions are paused for this cause."""
    for cause in _CAUSES:
        yield (cause,), float(cause in seen.measures.pauses)


@_metric("counter", "unglue_itglue_requests_total", "method", "endpoint", "status")
def _requests(seen: Seen) -> Iterable[Sample]:
    """Requests to IT Glue, counted when a job is over; status `none`: no answer came."""
    # Most of what can be named beforehand never happens.
    counts: Counter[Labels] = Counter()
    for labels, count in seen.measures.requests.items():
        counts[bounded(labels, (_METHODS, ENDPOINTS, STATUSES))] += count
    return counts.items()


@_metric("histogram", "unglue_step_seconds", "step")
def _step_seconds(seen: Seen) -> Iterator[Sample]:
    """How long the steps of deletions took, counted when a job is over."""
    steps = seen.measures.steps
    for step in sorted(STEPS):
        buckets, total = [], 0
        for bound in (*map(str, BUCKETS), ABOVE):
            total += steps.get((step, bound), 0)
            buckets.append((bound, float(total)))
        yield (step,), (buckets, steps.get((step, SUM), 0) / 1000)


_gauge(
    "unglue_itglue_budget_left",
    "Requests that may still be sent within the running 5 minutes.",
    lambda seen: max(0, seen.settings.itglue.requests_per_5_minutes - seen.measures.budget_used),
)
_gauge(
    "unglue_itglue_budget_limit",
    "`itglue.requests_per_5_minutes`.",
    lambda seen: seen.settings.itglue.requests_per_5_minutes,
)
_measure(
    "unglue_itglue_held_seconds",
    "For how long nothing is asked of IT Glue after a 429; 0 while it is asked.",
    "budget_held",
)


@_metric("counter", "unglue_callback_attempts_total", "kind", "outcome")
def _attempts(seen: Seen) -> Iterable[Sample]:
    """Attempts to send a result or a notification; `pending` failed and is tried again."""
    attempts = seen.measures.attempts.items()
    found = (((_KINDS.get(kind, OTHER), outcome), count) for (kind, outcome), count in attempts)
    return counted(found, tuple(_KINDS.values()), _OUTCOMES)


_measure("unglue_results_due", "Results and notifications that are to be sent now.", "results_due")
_measure(
    "unglue_results_oldest_seconds",
    "For how long the first of them has been due.",
    "results_oldest",
)
_measure(
    "unglue_receivers_silent",
    "Hosts of results and notifications that do not answer.",
    "silent_hosts",
)
_measure(
    "unglue_notification_targets_failing",
    "Notification targets whose newest attempt failed.",
    "failing_targets",
)
_measure("unglue_audit_head", "Number of the newest entry of the audit log.", "chain_seq")
_measure("unglue_audit_pending", "Decisions that are yet to join the audit log.", "audit_pending")
_measure("unglue_spools", "Spools of services that the ledger knows.", "spools")
_measure(
    "unglue_spools_holding",
    "Spools that hold deletions: they may have what the ledger has not seen.",
    "spools_holding",
)
_measure(
    "unglue_spool_deliveries",
    "Deliveries on disk that wait for the ledger, as the services last said.",
    "spooled",
)
_gauge(
    "unglue_spool_oldest_seconds",
    "Age of the oldest of them.",
    lambda seen: max(0.0, seen.measures.spool_oldest),
)

# What is there even if Redis is not: its own answer is then the only one.
REDIS_UP: Final = "unglue_redis_up"
BUILD: Final = "unglue_build_info"
ALWAYS: Final = (
    (REDIS_UP, "gauge", "1 if Redis answered this scrape; else all but these two are absent.", ()),
    (BUILD, "gauge", "Always 1; the version and the configured mode.", ("version", "mode")),
)  # fmt: skip
