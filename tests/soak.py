"""The stateful test for as long as one likes: `python -m tests.soak --steps 100000`.

Every process drives its own ledger. A failure is printed as the shortest sequence of rules that
still fails, and with the seed that leads there: `--seed` and `--steps 1` run that one round. The
last line says how much was done, and in how many rounds something was wrong (a call that should
not have gone out), false (said to be deleted, and there), lost (accepted, and without an end) or
otherwise not as it must be.
"""

import argparse
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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import redis
import structlog
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.test_stateful import QUICK, Everything
from tests.support.stateful.crew import Broken
from tests.support.valkey import running_valkey

LONG = settings(QUICK, max_examples=25, stateful_step_count=40, derandomize=False)
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


def soak(first_seed: int, steps: int, until: float, most_failures: int, shrink: bool) -> Ran:
    """Rounds of the stateful test, each from the next seed, until it is enough."""
    logged = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=logged)
    found: list[str] = []
    chosen = LONG if shrink else settings(LONG, phases=(Phase.generate,))
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder)) as url,
        redis.Redis.from_url(url) as server,
    ):
        Everything.server = server
        number = first_seed
        while True:
            try:
                run_state_machine_as_test(seed(number)(Everything), settings=chosen)
            except Exception as error:  # noqa: BLE001 - whatever it is, it was found
                found.append(kind_of(error))
                # At once: shrinking takes minutes, and whoever waits wants to see what there is.
                text = f"seed {number}\n{traceback.format_exc()}"
                print(text, file=sys.stderr, flush=True)  # noqa: T201 - its output
            number += 1
            if len(found) >= most_failures or Everything.steps >= steps or time.time() >= until:
                break
    return Ran(
        Everything.examples, Everything.steps, Everything.calls, Everything.requests,
        tuple(found),
    )  # fmt: skip


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
    # A child must not inherit a server or an event loop.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=spawning) as pool:
        # Far enough apart that no two processes run the same round.
        seeds = [chosen.seed + 1_000_000 * index for index in range(chosen.processes)]
        rest = (
            [value] * chosen.processes
            for value in (share, until, chosen.failures, not chosen.as_found)
        )
        ran = list(pool.map(soak, seeds, *rest))
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
