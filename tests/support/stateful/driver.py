"""The rules of a state machine, each said once: for hypothesis, and for a plain driver of them.

Hypothesis finds the shortest sequence, and its choices cost more than the steps. The plain driver
draws from the same rules with a seeded generator, in sequences that it repeats and shortens.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

Ruled = TypeVar("Ruled", bound=Callable[..., None])
When = Callable[[Any], Any]

# A rule is left out of a whole sequence, or said more often: what seldom meets does so somewhere.
_MOST_LEFT_OUT = 0.7
_WEIGHTS = (1, 1, 2, 4)
_MOST_SHORTENING = 600  # seconds


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule: what its arguments are chosen among, and when it can be said."""

    name: str
    choices: Mapping[str, Sequence[Any]]
    when: When
    first: bool


@dataclass(frozen=True)
class Step:
    """A rule with its arguments."""

    rule: Rule
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.rule.name}({said})"


class Machine(Protocol):
    """What is driven."""

    well: bool

    def all_is_well(self) -> None: ...
    def teardown(self) -> None: ...


def among(
    when: When = lambda _machine: True, *, first: bool = False, **choices: Sequence[Any]
) -> Callable[[Ruled], Ruled]:
    """A rule, whose arguments are chosen among these; `first`: it begins every sequence."""

    def decorate(function: Ruled) -> Ruled:
        drawn: dict[str, Any] = {name: st.sampled_from(each) for name, each in choices.items()}
        saying: Callable[[Ruled], Any] = (initialize if first else rule)(**drawn)
        ruled = saying(function)
        ruled = ruled if first else precondition(when)(ruled)
        ruled.among = Rule(function.__name__, choices, when, first)
        return cast("Ruled", ruled)

    return decorate


def rules_of(machine: type[Machine]) -> list[Rule]:
    """Its rules, in the order in which they are written down."""
    found = (getattr(each, "among", None) for each in vars(machine).values())
    return [each for each in found if each is not None]


def chosen(rules: Sequence[Rule], random: Random, machine: Machine) -> Iterator[Step]:
    """Steps without end, each of which can be taken when it is asked for."""
    yield from (_drawn(each, random) for each in rules if each.first)
    left_out = _MOST_LEFT_OUT * random.random()
    weights = {
        each: 0 if random.random() < left_out else random.choice(_WEIGHTS)
        for each in rules
        if not each.first
    }
    while True:
        possible = {each: weight for each, weight in weights.items() if each.when(machine)}
        # Where none of those that are said can be, all may.
        some = list(possible.values()) if any(possible.values()) else None
        (next_one,) = random.choices(list(possible), some)
        yield _drawn(next_one, random)


def _drawn(each: Rule, random: Random) -> Step:
    return Step(each, {name: random.choice(values) for name, values in each.choices.items()})


def drive(
    make: Callable[[], Machine], steps: Callable[[Machine], Iterator[Step]]
) -> tuple[list[Step], Exception | None]:
    """Take the steps, judge after each and in the end: what was taken, and what was found."""
    machine, taken = make(), list[Step]()
    try:
        try:
            for each in steps(machine):
                taken.append(each)
                machine.well = False
                getattr(machine, each.rule.name)(**each.arguments)
                machine.all_is_well()
        finally:
            machine.teardown()
    except Exception as error:  # noqa: BLE001 - whatever it is, it was found
        return taken, error
    return taken, None


def again(steps: Sequence[Step], machine: Machine) -> Iterator[Step]:
    """The same steps, but for those that cannot be taken."""
    yield from (each for each in steps if each.rule.first or each.rule.when(machine))


def shortest(
    make: Callable[[], Machine], steps: Sequence[Step], same: Callable[[Exception], bool]
) -> list[Step]:
    """Steps of these that still find the same, with none too many, or what a few minutes find."""
    until, size, left = time.monotonic() + _MOST_SHORTENING, len(steps) // 2, list(steps)
    while size and time.monotonic() < until:
        at = 0
        while at < len(left) and time.monotonic() < until:
            fewer = [*left[:at], *left[at + size :]]
            _, error = drive(make, lambda machine, fewer=fewer: again(fewer, machine))  # type: ignore[misc]
            if error is not None and same(error):
                left = fewer
            else:
                at += size
        size //= 2
    return left
