"""Two service processes on one socket, over one."""

from collections.abc import Iterator

from benchmarks.figure import Figure, Size, machine, over_runs
from benchmarks.installation import busy, installation
from benchmarks.load import callback, companies, prepare, request, send

_RUNS = {"quick": 1, "default": 2, "full": 4}
_SECONDS = {"quick": 2, "default": 4, "full": 10}
_MOST_PER_SECOND = 7000


def measure(size: Size) -> Iterator[Figure]:
    """The same load on both in turn, and what Redis used of a core meanwhile."""
    seconds, ratios, used = _SECONDS[size], list[float](), list[float]()
    with installation() as made:
        one, two = made.serve(), made.serve("--processes", "2", name="two")
        server = int(made.redis.info("server")["process_id"])
        for _ in range(_RUNS[size]):
            rates = []
            for url in (one, two):
                some = companies(_MOST_PER_SECOND * seconds)
                bodies = (callback(each, made.key_url) for each in some)
                file = prepare(made.folder / "load", map(request, bodies))
                send(f"{url}/webhooks/cw", file, 1, rate=200)
                before = busy([server])
                done = send(f"{url}/webhooks/cw", file, seconds)
                assert not done.failed, done
                rates.append(done.rate)
                share = (busy([server]) - before) / done.seconds
            used.append(share)
            ratios.append(rates[1] / rates[0])
    cores = machine()["cores"]
    note = f"{cores} cores, of which Redis used {max(used):.2f}, and the load generator its own"
    yield over_runs("two service processes over one", ratios, ">= 1.6", note=note)
