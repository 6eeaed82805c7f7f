"""Reactivations, which wait for the disk whatever `durability` says, beside events that do not."""

from collections.abc import Iterator

from benchmarks.figure import Figure, Size, over_runs
from benchmarks.installation import installation
from benchmarks.load import saturate

_RUNS = {"quick": 1, "default": 1, "full": 4}
_SECONDS = {"quick": 2, "default": 4, "full": 10}


def measure(size: Size) -> Iterator[Figure]:
    """The same load with `everysec` alone, and where every write is on disk before its answer."""
    seconds = _SECONDS[size]
    rates = dict[str, list[float]]()
    for rhythm in ("everysec", "always"):
        with installation(appendfsync=rhythm) as made:
            url = f"{made.serve()}/webhooks/cw"
            for _ in range(_RUNS[size]):
                for status in ("Inactive", "Active"):
                    done = saturate(url, made, seconds, status=status)
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
