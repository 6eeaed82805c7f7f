"""Whether the service's memory grows with what it has received."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, Size
from benchmarks.installation import installation
from benchmarks.load import callback, companies, prepare, request, send

_STEP = {"quick": 2_000, "default": 10_000, "full": 10_000}
_TIMES = {"quick": 3, "default": 4, "full": 100}
_RATE = 2000


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return 1024 * int(line.split()[1])


def measure(size: Size) -> Iterator[Figure]:
    """After so many deliveries, over after the first step of them."""
    step, sizes, received = _STEP[size], list[int](), 0
    wanted = step * _TIMES[size]
    with installation() as made:
        url = f"{made.serve()}/webhooks/cw"
        while received < wanted:
            bodies = (callback(each, made.key_url) for each in companies(step))
            file = prepare(made.folder / "load", map(request, bodies))
            received += send(url, file, step / _RATE, rate=_RATE).requests
            sizes.append(resident(made.processes["service"].pid))
    note = f"{received:,} deliveries; {sizes[-1] / 2**20:.0f} MiB"
    yield Figure("resident memory, over after the first deliveries", sizes[-1] / sizes[0],
                 "<= 1.1", note=note)  # fmt: skip
