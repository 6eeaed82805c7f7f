"""Every recipe of the cookbook loads, and this build can keep what it asks for."""

import re
import tomllib
from pathlib import Path

import pytest

from workers.settings import Settings
from workers.settings.enforcement import require_enforceable
from workers.settings.reading import merged

PAGE = (Path(__file__).parents[2] / "docs" / "cookbook.md").read_text(encoding="utf-8")
RECIPES = dict(
    re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```toml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
)
# What an installation has besides.
AROUND = {
    "secret_keys": ["k" * 31 + "x"],
    "itglue": {"api_key": "ITG.test"},
    "operators": {
        "dora": {"token_sha256": "3" * 63 + "4", "roles": ["request", "approve", "admin"]}
    },
}


def test_there_are_recipes() -> None:
    assert len(RECIPES) == PAGE.count("\n## ") == PAGE.count("```toml")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_recipe_can_be_kept(recipe: str) -> None:
    settings = Settings(**merged(AROUND, tomllib.loads(recipe)))
    require_enforceable(settings)
    assert settings.policy.eligible_statuses
