"""The stateful test for as long as one likes: `python -m tests.soak --steps 100000`.

Every process drives its own ledger. A failure is printed as the shortest sequence of rules that
still fails, and with the seed that leads there: `--seed` and `--steps 1` run that one sequence. The
last line says how much was done, and in how many sequences something was wrong (a call that should
not have gone out), false (said to be deleted, and there), lost (accepted, and without an end) or
otherwise not as it must be.
"""

import argparse
import gc
import logging
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random

import structlog

from tests.contract.test_stateful import Everything
from tests.support.stateful.crew import Broken
from tests.support.stateful.direct import Direct
from tests.support.stateful.driver import Machine, Rule, Step, chosen, drive, rules_of, shortest
from tests.support.valkey import running_valkey

LENGTH = 50  # of a sequence
_TOLD_EVERY = 5_000  # steps
_KINDS = {
    "false": re.compile(r" is (soft_)?deleted: | says deleted="),
    "lost": re.compile(r"^after [0-9]+ rounds: | was lost", re.MULTILINE),
    "wrong": re.compile(r" may delete [0-9]+: |^(DELETE|PATCH) of ", re.MULTILINE),
}


@dataclass(frozen=True)
class Ran:
    """What one process did, and the kinds of faults that it found."""

    examples: int
    steps: int
    calls: int
    requests: int
    found: tuple[str, ...] = ()


def kind_of(error: BaseException) -> str:
    """What a failure is, by the judge's words: wrong, false, lost or other."""
    if isinstance(error, Broken):
        for kind, words in _KINDS.items():
            if words.search(str(error)):
                return kind
    return "other"


def _alike(one: Exception, other: Exception) -> bool:
    return type(one) is type(other) and kind_of(one) == kind_of(other)


def _sequence(rules: Sequence[Rule], number: int, machine: Machine) -> Iterator[Step]:
    random = Random(number)  # noqa: S311 - it has to repeat itself
    return islice(chosen(rules, random, machine), LENGTH)


def soak(first_seed: int, steps: int, until: float, most_failures: int, shrink: bool) -> Ran:
    """Sequences of the stateful test, each from the next seed, until it is enough."""
    logged = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=logged)
    rules, found, told = rules_of(Everything), list[str](), 0
    # What is there now stays, and what comes is seldom in a circle.
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        # Nothing crashes here, so nothing has to be on disk.
        running_valkey(Path(folder), appendonly="no") as url,
        Direct(url.removeprefix("unix://")) as server,
    ):
        Everything.server = server
        for number in count(first_seed):
            taken, error = drive(Everything, partial(_sequence, rules, number))
            if error is not None:
                found.append(kind_of(error))
                # At once: shortening takes minutes, and whoever waits wants to see what there is.
                _tell(f"seed {number}", *traceback.format_exception(error), *taken)
                if shrink:
                    _tell("shorter:", *shortest(Everything, taken, partial(_alike, error)))
            if Everything.steps >= told + _TOLD_EVERY:
                told = Everything.steps
                _tell(
                    f"{told} steps, {Everything.calls} calls, found {found}; next seed {number + 1}"
                )
            if len(found) >= most_failures or Everything.steps >= steps or time.time() >= until:
                break
    return Ran(
        Everything.examples, Everything.steps, Everything.calls, Everything.requests,
        tuple(found),
    )  # fmt: skip


def _tell(*lines: object) -> None:
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - its output


def main() -> int:
    """Soak, and say how much was run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000, help="of all processes together")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="and no longer than this")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--failures", type=int, default=1, help="of a process, before it gives up")
    parser.add_argument("--as-found", action="store_true", help="do not look for the shortest")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    chosen = parser.parse_args()
    began = time.time()
    until = began + 60 * chosen.minutes
    share = -(-chosen.steps // chosen.processes)
    run = partial(
        soak, steps=share, until=until, most_failures=chosen.failures, shrink=not chosen.as_found
    )
    # Far enough apart that no two processes run the same sequence.
    seeds = [chosen.seed + 10_000_000 * index for index in range(chosen.processes)]
    if chosen.processes == 1:
        ran = [run(chosen.seed)]
    else:
        # A child must not inherit a server or an event loop.
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(chosen.processes, mp_context=spawning) as pool:
            ran = list(pool.map(run, seeds))
    found = Counter(kind for one in ran for kind in one.found)
    seconds = time.time() - began
    steps = sum(each.steps for each in ran)
    print(  # noqa: T201 - its output
        f"{sum(each.examples for each in ran)} sequences, {steps} steps, "
        f"{sum(each.requests for each in ran)} requests to IT Glue, "
        f"{sum(each.calls for each in ran)} of them calls; "
        + ", ".join(f"{found[kind]} {kind}" for kind in ("wrong", "false", "lost", "other"))
        + f"; seed {chosen.seed}, {chosen.processes} processes, {seconds:.0f} s, "
        f"{steps / seconds:.0f} steps a second"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
