"""The house stays walkable: every room says what it is for, and none grows into a drawer."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapters", "workers", "service")
MOST = 12
# Lists whose entries are alike and are found by name.
LISTS = {
    "adapters": "a folder a vendor",
    "workers": "a room a subject, told in docs/architecture.md",
    "workers/ledger/scripts": "a script a decision",
    "service/commands": "a module a command",
    "service/api/routes": "a module a resource",
    "service/sandbox": "one part of the imitated API a module",
}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager", "managers"}


def rooms() -> list[Path]:
    return sorted(
        path
        for package in PACKAGES
        for path in ((ROOT / package), *(ROOT / package).rglob("*"))
        if path.is_dir() and path.name != "__pycache__" and any(path.glob("*.*"))
    )


def entries(room: Path) -> list[str]:
    return [
        each.name
        for each in room.iterdir()
        if not each.name.startswith("__") and each.suffix in {"", ".py", ".lua"}
    ]


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(ROOT)))
def test_no_room_outgrows_its_dozen(room: Path) -> None:
    if str(room.relative_to(ROOT)) not in LISTS:
        assert len(entries(room)) <= MOST, sorted(entries(room))


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(ROOT)))
def test_every_room_says_what_belongs_there(room: Path) -> None:
    if any(room.glob("*.py")):
        text = (room / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""')
        assert len(text.splitlines()[0]) > 30


def test_there_is_no_drawer() -> None:
    named = [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & DRAWERS
    ]
    assert named == []
