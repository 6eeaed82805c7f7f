"""Two service processes on one socket, over one."""

from collections.abc import Iterator

from benchmarks.figure import Figure, Size, machine, over_runs
from benchmarks.installation import installation
from benchmarks.load import saturate

_RUNS = {"quick": 1, "default": 2, "full": 4}
_SECONDS = {"quick": 2, "default": 4, "full": 10}


def measure(size: Size) -> Iterator[Figure]:
    """The same load on both in turn."""
    seconds, ratios = _SECONDS[size], list[float]()
    with installation() as made:
        one, two = made.serve(), made.serve("--processes", "2", name="two")
        for _ in range(_RUNS[size]):
            rates = [saturate(f"{url}/webhooks/cw", made, seconds).rate for url in (one, two)]
            ratios.append(rates[1] / rates[0])
    cores = machine()["cores"]
    note = f"{cores} cores, shared with Redis and the load generator"
    yield over_runs("two service processes over one", ratios, ">= 1.6", note=note)
