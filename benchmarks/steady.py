"""A steady load beside working workers and scheduler: latency, and nothing lost."""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, Size, machine
from benchmarks.installation import with_itglue
from benchmarks.load import callback, companies, prepare, request, send
from service.supervision.processes import give_way

_SECONDS = {"quick": 8, "default": 20, "full": 60}
_RATE = 1000


def _idle() -> float:
    """Seconds that the processors of this machine had nothing to do, each counted for itself."""
    total = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=6)
    return (int(total[4]) + int(total[5])) / os.sysconf("SC_CLK_TCK")


def measure(size: Size) -> Iterator[Figure]:
    """1,000 deliveries a second, each of another client."""
    seconds = _SECONDS[size]
    with with_itglue(50) as made:
        url = f"{made.serve()}/webhooks/cw"
        # As `unglue up` starts them.
        for part in ("scheduler", "worker"):
            give_way(made.start(part, part))
        some = companies(_RATE * seconds + 300)
        bodies = (callback(each, made.key_url) for each in some)
        file = prepare(made.folder / "load", map(request, bodies))
        warm = send(url, file, 1, rate=100)
        before = made.redis.zcard("unglue:deliveries")
        idle = _idle()
        done = send(url, file, seconds, rate=_RATE)
        busy = 1 - (_idle() - idle) / done.seconds / machine()["cores"]
        stored = made.redis.zcard("unglue:deliveries")
    # The generator begins anew with the requests of the warm-up, which are then repeats.
    lost = warm.requests + done.requests - before - (stored - before) - before
    note = f"{done.rate:.0f}/s for {seconds} s, p50 {done.p50:.1f} ms, not 202: {done.failed}"
    note += f", processors {100 * busy:.0f} % busy"
    yield Figure("p99 at 1,000/s, worker and scheduler running", done.p99, "< 25", "ms", note=note)
    yield Figure("answered with 202 and not in the ledger", max(0, lost), "<= 0")
