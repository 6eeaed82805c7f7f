"""Pages that are written from the code say what the code says."""

import re
from pathlib import Path

import pytest

from publishing import api, commands, configuration, licences, release
from publishing.meanings import MEANINGS
from workers.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGES = {
    "configuration.md": lambda: configuration.page(configuration.SAMPLE.read_text("utf-8")),
    "cli.md": commands.page,
    "api.md": api.page,
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "make reference"


def test_every_package_has_a_licence_that_lets_us_bring_it_along() -> None:
    """Each that is installed here is on the page; on another Python a few others are needed."""
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    needed = licences.packages()
    assert len(needed) > 40
    assert {name for name in needed if f"| `{name}` | " not in page} == set(), "make reference"
    assert [(name, text) for name, text in needed.items() if not licences.permissive(text)] == []


def test_every_setting_has_a_meaning_and_no_meaning_is_left_over() -> None:
    names = {key.name for key in configuration.settings_of()}
    assert names ^ MEANINGS.keys() == set(), "publishing/meanings.py"


@pytest.mark.parametrize("vendor", ["connectwise", "autotask", "ninjaone", "halopsa", "standard"])
def test_a_vendors_own_settings_are_explained_in_its_folder(vendor: str) -> None:
    page = (ROOT / "adapters" / vendor / "README.md").read_text(encoding="utf-8")
    own = {key.name.split(".")[2] for key in configuration.vendor_keys(vendor)}
    assert {name for name in own if not re.search(rf"\b{name}\b", page)} == set()


def test_a_setting_that_is_called_file_has_its_variable(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.log")
    told = tmp_path / "told"
    told.write_text(path)
    key = {"UNGLUE_ITGLUE__API_KEY": "ITG.test"}
    assert load_settings({**key, "UNGLUE_AUDIT__FILE": path}).audit.file == path
    assert load_settings({**key, "UNGLUE_AUDIT__FILE_FILE": str(told)}).audit.file == path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("## Unreleased\n\n## 0.2.0 (2026-12-01)\n- x\n", None),
        ("## Unreleased\n- x\n\n## 0.2.0 (2026-12-01)\n", "still under Unreleased"),
        ("## Unreleased\n\n## 0.1.0 (2026-01-01)\n", "no chapter like"),
        ("## 0.2.0 (2026-12-01)\n", "first chapter"),
    ],
)
def test_a_changelog_that_may_be_released(text: str, problem: str | None) -> None:
    said = release.changelog(text, "0.2.0")
    assert said is None if problem is None else said is not None and problem in said


def test_the_release_walks_the_whole_page() -> None:
    page = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\d\. ", page, re.MULTILINE)) == len(list(release.points()))
