"""How long a person waits for the list of commands, and a supervisor for a service."""

import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.figure import Figure, Size, over_runs
from benchmarks.installation import ROOT, installation

_RUNS = {"quick": 3, "default": 5, "full": 9}


def measure(size: Size) -> Iterator[Figure]:
    """Both, again and again."""
    listed, ready = [], []
    for _ in range(_RUNS[size]):
        started = time.perf_counter()
        asked = [sys.executable, "-m", "service", "--help"]
        subprocess.run(asked, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        listed.append(time.perf_counter() - started)
    with installation() as made:
        for run in range(_RUNS[size]):
            started = time.perf_counter()
            made.serve(name=f"service-{run}")
            ready.append(time.perf_counter() - started)
            made.stop(f"service-{run}")
    yield over_runs("unglue --help", listed, "< 0.25", unit="s")
    yield over_runs("service ready", ready, "< 1", unit="s")
