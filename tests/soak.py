"""The stateful test for as long as one likes: `python -m tests.soak --minutes 5`.

Every process drives its own ledger. A failure is printed as the shortest sequence of rules that
still fails, and with the seed that leads there: `--seed` and `--minutes 0` run that one round.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import redis
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.test_stateful import QUICK, Everything
from tests.support.valkey import running_valkey

LONG = settings(QUICK, max_examples=25, stateful_step_count=40, derandomize=False)


@dataclass(frozen=True)
class Ran:
    """What one process did. `failure` is empty if nothing was found."""

    examples: int
    steps: int
    calls: int
    requests: int
    failure: str = ""


def soak(first_seed: int, until: float) -> Ran:
    """Rounds of the stateful test, each from the next seed, until a moment of the clock."""
    failure = ""
    with (
        tempfile.TemporaryDirectory(prefix="unglue-") as folder,
        running_valkey(Path(folder)) as url,
        redis.Redis.from_url(url) as server,
    ):
        Everything.server = server
        number = first_seed
        while not failure:
            try:
                run_state_machine_as_test(seed(number)(Everything), settings=LONG)
            except Exception:  # noqa: BLE001 - whatever it is, it was found
                failure = f"seed {number}\n{traceback.format_exc()}"
            number += 1
            if time.time() >= until:
                break
    return Ran(
        Everything.examples, Everything.steps, Everything.calls, Everything.requests, failure
    )


def main() -> int:
    """Soak, and say how much was run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}, {chosen.processes} processes, {chosen.minutes:g} minutes")  # noqa: T201 - its output
    began = time.time()
    until = began + 60 * chosen.minutes
    # A child must not inherit a server or an event loop.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=spawning) as pool:
        # Far enough apart that no two processes run the same round.
        seeds = [chosen.seed + 1_000_000 * index for index in range(chosen.processes)]
        ran = list(pool.map(soak, seeds, [until] * chosen.processes))
    seconds = time.time() - began
    steps = sum(each.steps for each in ran)
    print(  # noqa: T201 - its output
        f"{sum(each.examples for each in ran)} sequences, {steps} steps, "
        f"{sum(each.requests for each in ran)} requests to IT Glue, "
        f"{sum(each.calls for each in ran)} of them deletions or changes of status; "
        f"{seconds:.0f} s, {steps / seconds:.0f} steps a second"
    )
    failures = [each.failure for each in ran if each.failure]
    for failure in failures:
        print(failure, file=sys.stderr)  # noqa: T201 - its output
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
