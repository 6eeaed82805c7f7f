"""What a metric is, and how counts are read off the measures. Pure.

Labels are bounded: sources of the configuration, states, verdicts, codes; what is none of these is
"other". What can be named beforehand is there from the first scrape, with 0: Prometheus sees no
increase in a counter that begins with 1.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal

from workers.itglue.tally import OTHER
from workers.ledger.installation.measures import Measures
from workers.settings import Settings

Kind = Literal["gauge", "counter", "histogram"]
Labels = tuple[str, ...]
# Of a histogram: the bounds with so many at or below each, and the sum of all.
Distribution = tuple[list[tuple[str, float]], float]
Sample = tuple[Labels, float | Distribution]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scrape is made of."""

    measures: Measures
    settings: Settings

    @property
    def sources(self) -> tuple[str, ...]:
        """The configured sources."""
        return tuple(sorted(self.settings.sources))


Read = Callable[[Seen], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; a counter's name ends in `_total`."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels
    read: Read


def bounded(labels: Labels, known: Iterable[Collection[str]]) -> Labels:
    """The labels; one that is not among its `known` ones is "other"."""
    pairs = zip(labels, known, strict=True)
    return tuple(label if label in those else OTHER for label, those in pairs)


def counted(found: Iterable[tuple[Labels, int]], *known: Collection[str]) -> Iterable[Sample]:
    """The sums by labels, each of whose `known` values is there, if only with 0."""
    counts: Counter[Labels] = Counter(dict.fromkeys(product(*known), 0))
    for labels, number in found:
        counts[bounded(labels, known)] += number
    return counts.items()
