"""Take each safeguard out of a copy of the tree, and see that its tests fail."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.safeguards.table import SAFEGUARDS, Safeguard

ROOT = Path(__file__).parents[2]
_FOLDERS = ("adapters", "service", "workers", "tests", "docs")
_FILES = ("pyproject.toml", "README.md")
_FAILED = 1
# What a test that waits for what never comes is given.
_SECONDS = 300


def _copy(into: Path) -> None:
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(ROOT / name, into / name)


def _outcome(safeguard: Safeguard, tree: Path) -> str:
    """ "missed" if a test fails without it, "not missed", or what went wrong."""
    file = tree / safeguard.file
    text = file.read_text()
    file.write_text(text.replace(safeguard.old, safeguard.new))
    try:
        run = subprocess.run(  # noqa: S603 - our own tests
            [
                sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider",
                *safeguard.tests,
            ],
            cwd=tree, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "missed: its test waits in vain"
    finally:
        file.write_text(text)
    lines = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if run.returncode == _FAILED and lines and lines[0].startswith("FAILED"):
        return f"missed: {lines[0].split(' - ')[0].removeprefix('FAILED ')}"
    if run.returncode == 0:
        return "NOT MISSED"
    return f"BROKEN: pytest ended with {run.returncode}: {lines[:1] or run.stdout[-200:]}"


def main(parts: list[str]) -> int:
    """Take out those whose name has one of the parts, or all; 0 if each is missed."""
    chosen = [it for it in SAFEGUARDS if not parts or any(part in it.name for part in parts)]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="unglue-safeguards-") as folder:
        _copy(Path(folder))
        for safeguard in chosen:
            began = time.monotonic()
            outcome = _outcome(safeguard, Path(folder))
            missed += outcome.startswith("missed")
            print(f"{safeguard.name}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)  # noqa: T201 - what it is for
    print(f"{missed} of {len(chosen)} missed by a test")  # noqa: T201 - what it is for
    return 0 if missed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
