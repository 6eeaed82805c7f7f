"""The READMEs beside the adapters: their examples are true, and nothing is left out."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.contract import SourceConfig
from adapters.registry import VENDORS

ADAPTERS = Path(__file__).parents[2] / "adapters"
READMES = sorted(ADAPTERS.glob("*/README.md"))
# Where an example shows a placeholder instead of a secret.
PLACEHOLDERS = {"secrets", "hmac_secrets", "webhook_guid", "product_instance_id"}


def blocks(readme: Path, language: str) -> list[str]:
    found = re.findall(
        rf"^ *```{language}\n(.*?)^ *```", readme.read_text(), re.DOTALL | re.MULTILINE
    )
    return [str(block) for block in found]


def example(vendor: str, *, optional: bool) -> dict[str, Any]:
    """The source in the vendor's README; with `optional`, its commented keys as well."""
    (text,) = blocks(ADAPTERS / vendor / "README.md", "toml")
    if optional:
        text = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)
    (source,) = tomllib.loads(text)["sources"].values()
    found: dict[str, Any] = source
    return found


def test_every_folder_has_a_readme() -> None:
    folders = {path for path in ADAPTERS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {readme.parent for readme in READMES} == folders
    assert {readme.parent.name for readme in READMES} > set(VENDORS)


def faulty(vendor: str, source: dict[str, Any]) -> set[Any]:
    """The keys of the source that its configuration does not accept."""
    try:
        VENDORS[vendor].config.model_validate(source)
    except ValidationError as error:
        return {fault["loc"][0] for fault in error.errors() if fault["loc"]}
    return set()


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_every_key_is_shown_and_accepted(vendor: str) -> None:
    shown = example(vendor, optional=True)
    own = set(VENDORS[vendor].config.model_fields) - set(SourceConfig.model_fields)
    assert own <= set(shown)
    assert faulty(vendor, example(vendor, optional=False)) <= PLACEHOLDERS
    for name, value in shown.items():
        assert name in PLACEHOLDERS or name not in faulty(vendor, {"vendor": vendor, name: value})


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_json_is_json_and_links_lead_somewhere(readme: Path) -> None:
    for block in blocks(readme, "json"):
        json.loads(block if block.lstrip().startswith("{") else f"{{{block}}}")
    for target in re.findall(r"\]\((?!http)([^)]+)\)", readme.read_text()):
        assert (readme.parent / target).exists(), target


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_it_says_what_is_not_known(vendor: str) -> None:
    text = (ADAPTERS / vendor / "README.md").read_text()
    for part in ("What is verified", "What is unknown", "fixture", "Source"):
        # An open standard holds no secrets from us.
        if vendor not in {"standard", "cloudevents"} or not part.startswith("What"):
            assert part in text, part
