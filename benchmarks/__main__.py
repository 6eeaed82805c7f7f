"""All figures: `python -m benchmarks [--quick | --full] [--only NAME ...]`; `make bench`.

One table, `latest.json`, and a line of `history.jsonl`. A figure that cannot be measured is said
and does not keep the others from being measured.
"""

import argparse
import importlib
import sys
import time
import traceback

from benchmarks.figure import Figure, Size, keep, table

MEASURES = (
    "start", "intake", "processes", "disk", "steady", "first_step", "deletion", "together",
    "budget", "ledger_size", "resident", "memory", "console",
)  # fmt: skip
# They wait for times that are those of an installation.
_SLOW = ("budget", "memory", "console")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="shorter, with more spread, and without the slowest"
    )
    size.add_argument("--full", action="store_true", help="a million records; takes long")
    parser.add_argument("--only", nargs="+", choices=MEASURES)
    options = parser.parse_args()
    wanted: Size = "quick" if options.quick else "full" if options.full else "default"
    figures: list[Figure] = []
    started = time.monotonic()
    left_out = _SLOW if options.quick else ()
    for name in options.only or [each for each in MEASURES if each not in left_out]:
        began = time.monotonic()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        try:
            figures += importlib.import_module(f"benchmarks.{name}").measure(wanted)
        except Exception:  # noqa: BLE001 - said, and the next one is measured
            traceback.print_exc()
            figures.append(Figure(name, None, note="could not be measured; see above"))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    table(figures)
    if not options.only:
        keep(figures, wanted, time.monotonic() - started)


if __name__ == "__main__":
    main()
