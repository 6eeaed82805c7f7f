"""How each metric is read off the measures. Pure.

Labels are bounded: sources of the configuration, states, verdicts, codes; what is none of these is
"other". What can be named beforehand is there from the first scrape, with 0: Prometheus sees no
increase in a counter that begins with 1.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from service.terminal.messages_page import codes
from workers.itglue.tally import ABOVE, BUCKETS, ENDPOINTS, OTHER, STATUSES, SUM
from workers.ledger.installation.measures import PARTS, Measures
from workers.ledger.installation.stop_switch import ACCOUNT_CHANGED, KEY_REFUSED, LEDGER_LOST
from workers.pipeline.advance import STEPS
from workers.pipeline.states import TERMINAL, VERDICTS
from workers.settings import Settings

Kind = Literal["gauge", "counter", "histogram"]
# Of a histogram: the bounds with so many at or below each, and the sum of all.
Distribution = tuple[list[tuple[str, float]], float]
Sample = tuple[tuple[str, ...], float | Distribution]

API: Final = "api"
# Beside the verdicts: what was not signed by its sender, and what was not even looked at.
_COUNTED: Final = (*VERDICTS, "unauthentic", "limited")
_CAUSES: Final = ("operator", KEY_REFUSED, ACCOUNT_CHANGED, LEDGER_LOST)
_CODES: Final = frozenset({each.code for each in codes()} | {"Cancelled", "DeletionUnverified"})
# As they are kept, and as people say it.
_KINDS: Final = {"result": "result", "notice": "notification"}
# What an attempt came to; "pending" is tried again.
_OUTCOMES: Final = ("delivered", "pending", "stopped", "dead")
_SAID: Final = ("inactive", "active")
_METHODS: Final = ("GET", "POST", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scrape is made of."""

    measures: Measures
    settings: Settings

    @property
    def sources(self) -> tuple[str, ...]:
        """The configured sources."""
        return tuple(sorted(self.settings.sources))

    @property
    def askers(self) -> tuple[str, ...]:
        """Whoever may ask for a deletion."""
        schedules = (f"schedule:{name}" for name in self.settings.sweeps)
        return (API, *self.sources, *sorted(schedules))


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; a counter's name ends in `_total`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...]
    read: Callable[[Seen], Iterable[Sample]]


def one(number: Callable[[Seen], float]) -> Callable[[Seen], Iterable[Sample]]:
    """A metric without labels."""
    return lambda seen: [((), number(seen))]


def _known(value: str, known: Collection[str]) -> str:
    return value if value in known else OTHER


def deliveries(seen: Seen) -> Iterator[Sample]:
    """Events by source and verdict."""
    counts: Counter[tuple[str, ...]] = Counter()
    counts.update({(source, verdict): 0 for source in seen.sources for verdict in _COUNTED})
    for source, each in seen.measures.sources.items():
        for verdict, count in each.verdicts.items():
            counts[_known(source, seen.sources), _known(verdict, _COUNTED)] += count
    yield from counts.items()


def by_source(number: Callable[[Seen, str], int]) -> Callable[[Seen], Iterable[Sample]]:
    """A number a source."""

    def read(seen: Seen) -> Iterable[Sample]:
        counts: Counter[tuple[str, ...]] = Counter({(source,): 0 for source in seen.sources})
        for source in seen.measures.sources:
            counts[(_known(source, seen.sources),)] += number(seen, source)
        return list(counts.items())

    return read


def silence(seen: Seen) -> Iterator[Sample]:
    """Seconds since each source's newest delivery."""
    for source in seen.sources:
        each = seen.measures.sources.get(source)
        if each is not None and each.silent_for is not None:
            yield (source,), each.silent_for


def patience(seen: Seen) -> Iterator[Sample]:
    """For how many seconds each source may be silent."""
    for source in seen.sources:
        days = seen.settings.sources[source].silence_days
        if days:
            yield (source,), days * 86_400


def caught_up(seen: Seen) -> Iterator[Sample]:
    """What was made up for, by source and what its PSA said."""
    counts: Counter[tuple[str, ...]] = Counter()
    counts.update({(source, state): 0 for source in seen.sources for state in _SAID})
    for source, each in seen.measures.sources.items():
        for state, count in each.caught_up.items():
            counts[_known(source, seen.sources), _known(state, _SAID)] += count
    yield from counts.items()


def behind(seen: Seen) -> Iterator[Sample]:
    """Seconds since each source was last caught up with."""
    for source in seen.sources:
        each = seen.measures.sources.get(source)
        if each is not None and each.behind is not None:
            yield (source,), max(0.0, each.behind)


def ended(seen: Seen) -> Iterator[Sample]:
    """Ends by who asked and state."""
    counts: Counter[tuple[str, ...]] = Counter()
    counts.update({(asker, state): 0 for asker in seen.askers for state in sorted(TERMINAL)})
    for (source, state, _), count in seen.measures.ended.items():
        counts[_known(source, seen.askers), _known(state, TERMINAL)] += count
    yield from counts.items()


def errors(seen: Seen) -> Iterator[Sample]:
    """Ends by error code."""
    counts: Counter[tuple[str, ...]] = Counter({(code,): 0 for code in sorted(_CODES)})
    for (_, _, code), count in seen.measures.ended.items():
        if code:
            counts[(_known(code, _CODES),)] += count
    yield from counts.items()


def attempts(seen: Seen) -> Iterator[Sample]:
    """Attempts by kind and outcome."""
    counts: Counter[tuple[str, ...]] = Counter()
    counts.update({(kind, outcome): 0 for kind in _KINDS.values() for outcome in _OUTCOMES})
    for (kind, outcome), count in seen.measures.attempts.items():
        counts[_KINDS.get(kind, OTHER), _known(outcome, _OUTCOMES)] += count
    yield from counts.items()


def requests(seen: Seen) -> Iterator[Sample]:
    """Requests by method, endpoint and status."""
    counts: Counter[tuple[str, ...]] = Counter()
    for (method, endpoint, status), count in seen.measures.requests.items():
        labels = (_known(method, _METHODS), _known(endpoint, ENDPOINTS), _known(status, STATUSES))
        counts[labels] += count
    yield from counts.items()


def step_seconds(seen: Seen) -> Iterator[Sample]:
    """Each step's times: how many took at most so long."""
    steps = seen.measures.steps
    for step in sorted(STEPS):
        buckets, total = [], 0
        for bound in (*map(str, BUCKETS), ABOVE):
            total += steps.get((step, bound), 0)
            buckets.append((bound, float(total)))
        yield (step,), (buckets, steps.get((step, SUM), 0) / 1000)


def beats(seen: Seen) -> Iterator[Sample]:
    """Each part's age of its last sign of life."""
    for part in PARTS:
        if part in seen.measures.beats:
            yield (part,), max(0.0, seen.measures.beats[part])


def paused(seen: Seen) -> Iterator[Sample]:
    """Each cause, whether it pauses."""
    for cause in _CAUSES:
        yield (cause,), float(cause in seen.measures.pauses)
