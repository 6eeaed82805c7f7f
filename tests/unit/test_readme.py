"""What the README promises can be done as it stands there."""

import hashlib
import re
import tomllib
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import ConfigurationError
from service.doctor.pilot import unnoticed
from service.terminal.pilot import STEPS_TO_LIVE
from workers.settings import Settings, load_settings
from workers.settings.enforcement import require_enforceable
from workers.settings.secrecy import SAMPLES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def sample() -> str:
    """The configuration that a reader copies."""
    return (ROOT / "deploy" / "unglue.example.toml").read_text(encoding="utf-8")


@pytest.fixture
def settings(sample: str, tmp_path: Path) -> Settings:
    """The sample, with the variables that the README has the reader export beside it."""
    path = tmp_path / "unglue.toml"
    path.write_text(sample, encoding="utf-8")
    exports = re.findall(r"^export (.*UNGLUE_ITGLUE__.*)$", README, re.MULTILINE)
    assert exports
    variables = dict(pair.split("=", 1) for line in exports for pair in line.split())
    return load_settings({"UNGLUE_CONFIG": str(path), **variables})


def test_the_sample_may_start(settings: Settings) -> None:
    require_enforceable(settings)
    assert settings.itglue.base_url == "http://127.0.0.1:9100/"
    assert settings.itglue.api_key == "ITG.sandbox"
    assert isinstance(settings.sources["cw"], ConnectWiseConfig)


def test_the_token_is_the_one_it_names(settings: Settings) -> None:
    exported = re.search(r"^export UNGLUE_TOKEN=(\w+)$", README, re.MULTILINE)
    assert exported
    assert exported[1] == "rehearsal"
    digest = hashlib.sha256(exported[1].encode()).hexdigest()
    assert settings.operators["alice"].token_sha256 == digest
    assert "request" in settings.operators["alice"].roles


def test_the_sample_is_cautious(settings: Settings) -> None:
    """Who copies it without reading must not lose more than the defaults allow."""
    defaults = Settings(itglue={"api_key": "x"}).policy
    assert set(settings.policy.eligible_statuses) <= set(defaults.eligible_statuses)
    assert set(settings.policy.blocking_tags) >= set(defaults.blocking_tags)
    assert settings.policy.dependency_limits == defaults.dependency_limits
    assert settings.policy.max_deletions_per_day <= defaults.max_deletions_per_day
    assert not settings.callback.allow_private_networks


def test_the_sample_is_the_pilot(settings: Settings) -> None:
    policy = settings.policy
    assert (policy.mode, policy.approval) == ("preview", "always")
    assert policy.grace_period == timedelta(hours=48)
    assert settings.spool_dir
    assert settings.state_dir
    assert settings.secret_keys
    roles = [set(operator.roles) for operator in settings.operators.values()]
    assert any("request" in each and "approve" not in each for each in roles)
    assert any("approve" in each and "request" not in each for each in roles)
    assert (list(settings.notifications), set(settings.sources)) == (["ops"], {"cw", "rewst"})
    assert len(settings.schedules) == 1
    assert [each.message for each in unnoticed(settings)] == []


def test_the_steps_to_live_follow(sample: str) -> None:
    assert sample.endswith(f"\n{STEPS_TO_LIVE}")
    assert [line[:5] for line in STEPS_TO_LIVE.splitlines()[1:]] == ["# 1. ", "# 2. ", "# 3. "]


def test_its_rehearsal_secrets_are_for_a_loopback_host(sample: str, tmp_path: Path) -> None:
    """Each by itself: who replaces all but one is told of that one."""
    known = [line for line in sample.splitlines() if "rehearsal" in line]
    secrets = re.findall(r'"(whsec_[^"]+|rehearsal-key[^"]*|[0-9a-f]{64})"', sample)
    assert len(known) >= len(secrets) == len(SAMPLES)
    path = tmp_path / "unglue.toml"
    for kept in secrets:
        text = sample
        for number, other in enumerate(set(secrets) - {kept}):
            own = (
                f"{number}" * 64
                if len(other) == 64
                else "whsec_"
                + b64encode(f"the reader's own secret, number {number}".encode()).decode()
            )
            text = text.replace(other, own)
        path.write_text(text, encoding="utf-8")
        variables = {"UNGLUE_CONFIG": str(path), "UNGLUE_ITGLUE__API_KEY": "ITG.own"}
        with pytest.raises(ConfigurationError, match="is the sample's"):
            load_settings(variables)


def test_the_sample_has_no_unknown_name(sample: str) -> None:
    """Tables of the sample are tables of the settings; load_settings checks what is in them."""
    assert tomllib.loads(sample).keys() <= Settings.model_fields.keys()


PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
VARIABLES = {name for page in PAGES for name in re.findall(r"UNGLUE_[A-Z_]+", page.read_text())}


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_variable_is_one(name: str) -> None:
    table = name.removeprefix("UNGLUE_").split("__")[0].removesuffix("_FILE").lower()
    assert table in {"config", "token", "url"} or table in Settings.model_fields


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_is_named_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:service|workers|adapters)/[\w/.]+)`", page.read_text(encoding="utf-8")
    )
    assert [path for path in named if "VENDOR" not in path and not (ROOT / path).exists()] == []


def slug(heading: str) -> str:
    """The anchor of a heading, where the repository and the site agree on it."""
    plain = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"[-\s]+", "-", plain)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_a_heading(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = []
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*\.md|)#([^)]+)\)", text):
        target = (page.parent / path).read_text(encoding="utf-8") if path else text
        headings = re.findall(r"^#+ (.*)$", target, re.MULTILINE)
        if anchor not in map(slug, headings):
            missing.append(f"{path}#{anchor}")
    assert missing == []


def test_every_page_is_in_the_sites_navigation() -> None:
    navigation = set(
        re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    )
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - navigation == set(), "mkdocs.yml"


def test_the_readme_is_read_at_once() -> None:
    assert len(README.splitlines()) <= 130
