"""Signed webhook to durable, deduplicated 202, beside a bare 202 and beside the naive service."""

import statistics
from collections.abc import Iterator

from benchmarks.figure import Figure, Size, over_runs
from benchmarks.installation import installation
from benchmarks.load import callback, companies, generator, prepare, request, saturate, send

_RUNS = {"quick": 1, "default": 3, "full": 5}
_SECONDS = {"quick": 2, "default": 4, "full": 10}
_REMEMBERED = 3000


def measure(size: Size) -> Iterator[Figure]:
    """Three servers in turn, under the same load."""
    seconds, rates = _SECONDS[size], {"bare": list[float](), "naive": [], "unglue": []}
    p99 = list[float]()
    with installation() as made:
        urls = {name: f"{made.beside(name)}/webhooks/cw" for name in ("bare", "naive")}
        urls["unglue"] = f"{made.serve()}/webhooks/cw"
        # They remember nothing, so to them the same requests are always new.
        bodies = (callback(each, made.key_url) for each in companies(_REMEMBERED))
        again = prepare(made.folder / "again", map(request, bodies))
        for _ in range(_RUNS[size]):
            for name in ("bare", "naive"):
                made.redis.delete("rq:queue:naive")
                send(urls[name], again, 1)
                done = send(urls[name], again, seconds)
                assert not done.failed, (name, done)
                rates[name].append(done.rate)
            done = saturate(urls["unglue"], made, seconds)
            rates["unglue"].append(done.rate)
            p99.append(done.p99)
    load = f"{generator()}, 32 connections, 2 kB"
    yield over_runs("bare 202", rates["bare"], unit="/s", note=load)
    yield over_runs("naive service", rates["naive"], unit="/s")
    yield over_runs("intake", rates["unglue"], unit="/s",
                    note=f"p99 {statistics.median(p99):.0f} ms at saturation")  # fmt: skip
    beside = zip(rates["unglue"], rates["bare"], rates["naive"], strict=True)
    ratios = [(ours / bare, ours / naive) for ours, bare, naive in beside]
    yield over_runs("intake over bare 202", [ratio for ratio, _ in ratios], ">= 0.16")
    yield over_runs("intake over naive service", [ratio for _, ratio in ratios], ">= 4")
