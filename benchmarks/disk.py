"""Reactivations, which wait for the disk whatever `durability` says, beside events that do not."""

from collections.abc import Iterator

from benchmarks.figure import Figure, Size, over_runs
from benchmarks.installation import installation
from benchmarks.load import callback, companies, prepare, request, send

_RUNS = {"quick": 1, "default": 2, "full": 4}
_SECONDS = {"quick": 2, "default": 4, "full": 10}
_MOST_PER_SECOND = 5000


def measure(size: Size) -> Iterator[Figure]:
    """The same load with `everysec` alone, and where every write is on disk before its answer."""
    seconds = _SECONDS[size]
    rates = dict[str, list[float]]()
    for rhythm in ("everysec", "always"):
        with installation(appendfsync=rhythm) as made:
            url = f"{made.serve()}/webhooks/cw"
            for _ in range(_RUNS[size]):
                for status in ("Inactive", "Active"):
                    some = companies(_MOST_PER_SECOND * seconds)
                    bodies = (callback(each, made.key_url, status=status) for each in some)
                    file = prepare(made.folder / "load", map(request, bodies))
                    send(url, file, 1, rate=100)
                    done = send(url, file, seconds)
                    assert not done.failed, done
                    rates.setdefault(f"{rhythm} {status}", []).append(done.rate)
    plain = rates["everysec Inactive"]
    for rhythm in ("everysec", "always"):
        ratios = [
            ours / other for ours, other in zip(rates[f"{rhythm} Active"], plain, strict=True)
        ]
        goal = ">= 0.8" if rhythm == "everysec" else ""
        what = f"reactivations ({rhythm}) over events that do not wait"
        rate = sum(rates[f"{rhythm} Active"]) / len(ratios)
        yield over_runs(what, ratios, goal, note=f"{rate:.0f}/s at 32 connections")
