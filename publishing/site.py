"""The site's pages, laid in one folder: `python -m publishing.site FOLDER`, before it is built.

Pages link to files of the repository, so that they can be followed there as well. Those that are
pages themselves (the README, each sender's, the changelog) become pages of the site, all others
files of it, and the links follow. What a link leads to must exist, or nothing is laid.
"""

import os
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")
# Folders, and the page that tells of each.
_FOLDERS: Final = {
    "docs": "index.md",
    "docs/adr": "decisions.md",
    "deploy/kubernetes": "kubernetes.md",
    "deploy/monitoring": "monitoring.md",
}
_PAGES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
} | {
    f"adapters/{each.parent.name}/README.md": f"senders/{each.parent.name}.md"
    for each in sorted(ROOT.glob("adapters/*/README.md"))
}


def main(folder: Path) -> None:
    """Lay the pages there; what was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for source, place in sources():
        laid = folder / place
        laid.parent.mkdir(parents=True, exist_ok=True)
        laid.write_text(page(source, place), encoding="utf-8")
        for target in _targets(source):
            copy = folder / _place(target)
            if not copy.exists() and _place(target).startswith("files/"):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / target, copy)
    (folder / "decisions.md").write_text(_decisions(), encoding="utf-8")


def sources() -> Iterator[tuple[Path, str]]:
    """Every page of the repository, and where the site has it."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        yield path, path.relative_to(ROOT / "docs").as_posix()
    for name, place in _PAGES.items():
        yield ROOT / name, place


def page(source: Path, place: str) -> str:
    """The page, with its links as the site has them."""
    here = posixpath.dirname(place) or "."

    def follow(found: re.Match[str]) -> str:
        return posixpath.relpath(_place(_target(source, found[1])), here)

    return _LINK.sub(follow, source.read_text(encoding="utf-8"))


def _targets(source: Path) -> Iterator[str]:
    for found in _LINK.finditer(source.read_text(encoding="utf-8")):
        yield _target(source, found[1])


def _target(source: Path, link: str) -> str:
    """The path in the repository that a link leads to."""
    return Path(os.path.normpath(source.parent / link)).relative_to(ROOT).as_posix()


def _place(target: str) -> str:
    """Where the site has it."""
    if target in _FOLDERS:
        return _FOLDERS[target]
    if target in _PAGES:
        return _PAGES[target]
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"files/{target}"


def _decisions() -> str:
    titles = {
        path.name: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for path in sorted((ROOT / "docs" / "adr").glob("*.md"))
    }
    listed = "\n".join(f"- [{title}](adr/{name})" for name, title in titles.items())
    return f"# Decisions\n\nWhy it is so; each with what was not chosen.\n\n{listed}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
