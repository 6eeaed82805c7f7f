"""Pages that are written from the code say what the code says."""

import re
from pathlib import Path

import pytest

from publishing import api, commands, configuration
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
