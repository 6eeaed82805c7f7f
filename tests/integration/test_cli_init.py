"""`unglue init` as a newcomer types it."""

import resource
from io import StringIO
from pathlib import Path

import pytest

from service.terminal.pilot import REHEARSAL_URL, STEPS_TO_LIVE, VENDORS
from tests.support.command import Command
from workers.settings import Settings, load_settings

CONNECTWISE = ("--host", "na.myconnectwise.net", "--company", "Cobalt")
AUTOTASK = ("--webhook-guid", "b2a7a1d8-2a7f-4dd4-9a3b-6a4bd1c0f9d3")
OPTIONS = {"connectwise": CONNECTWISE, "autotask": AUTOTASK}
REST = ("--callback-url", "https://rewst.example.com/hook", "--operators", "alice,carol")


@pytest.fixture
def unglue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def settings(path: Path) -> Settings:
    return load_settings({"UNGLUE_CONFIG": str(path)})


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_pilot_of_every_sender_starts(unglue: Command, tmp_path: Path, vendor: str) -> None:
    key = tmp_path / "key"
    key.write_text("ITG.b0a5c0ffee\n")
    shown = unglue(
        "init", "--region", "eu", "--api-key-file", key, "--vendor", vendor,
        *OPTIONS.get(vendor, ()), *REST,
    )  # fmt: skip
    assert shown.status == 0, shown.err
    assert shown.out == ""
    path = tmp_path / "unglue.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    made = settings(path)
    assert (made.policy.mode, made.policy.approval) == ("preview", "always")
    assert (made.itglue.region, made.itglue.api_key) == ("eu", "ITG.b0a5c0ffee")
    assert made.sources[vendor].vendor == vendor
    assert set(made.operators["alice"].roles) == {"request", "admin"}
    assert made.operators["carol"].roles == ("approve",)
    assert "token of alice: unglue_" in shown.err
    assert "unglue_" not in path.read_text()
    assert path.read_text().endswith(f"\n{STEPS_TO_LIVE}")
    assert unglue("config", "check").status == 0


def test_the_place_of_a_notification_target_is_there(unglue: Command, tmp_path: Path) -> None:
    """A pilot of which nobody hears is watched by nobody."""
    assert unglue("init", "--rehearsal", "--vendor", "standard", *REST).status == 0
    path = tmp_path / "unglue.toml"
    lines = path.read_text().splitlines()
    begins = lines.index("# [notifications.ops]          # who hears what waits, holds or failed")
    for number in range(begins, begins + 3):
        lines[number] = lines[number].removeprefix("# ")
    path.write_text("\n".join(lines))
    assert list(settings(path).notifications) == ["ops"]


def test_what_is_there_is_never_overwritten(unglue: Command, tmp_path: Path) -> None:
    path = tmp_path / "unglue.toml"
    path.write_text("# mine\n")
    shown = unglue("init", "--rehearsal", "--vendor", "standard", *REST)
    assert shown.status == 2
    assert "was not touched" in shown.err
    assert path.read_text() == "# mine\n"


def test_no_two_pilots_share_a_secret(unglue: Command, tmp_path: Path) -> None:
    texts = []
    for name in ("one.toml", "two.toml"):
        options = ("--rehearsal", "--vendor", "standard", *REST, "--output", name)
        assert unglue("init", *options).status == 0
        texts.append((tmp_path / name).read_text())
    secret = [line for line in texts[0].splitlines() if "secret" in line and "=" in line]
    assert len(secret) == 3
    assert not set(secret) & set(texts[1].splitlines())


def test_an_answer_that_cannot_stand_leaves_no_file(unglue: Command, tmp_path: Path) -> None:
    options = ("--rehearsal", "--vendor", "connectwise", "--company", "Cobalt", *REST)
    shown = unglue("init", *options, "--host", "https://na.myconnectwise.net/")
    assert shown.status == 2
    assert "must be a host name alone" in shown.err
    assert not (tmp_path / "unglue.toml").exists()


@pytest.mark.parametrize("named", ["alice", "alice,alice", "alice,carol,bob", "alice,c d"])
def test_one_person_is_not_enough(unglue: Command, tmp_path: Path, named: str) -> None:
    options = ("--rehearsal", "--vendor", "standard", "--callback-url", "", "--operators", named)
    shown = unglue("init", *options)
    assert shown.status == 2
    assert "two different names" in shown.err
    assert not (tmp_path / "unglue.toml").exists()


def test_what_no_option_says_is_asked(unglue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["standard", "https://n8n.example.com/hook", "ann,bo"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: next(answers))
    shown = unglue("init", "--rehearsal")
    assert shown.status == 0, shown.err
    made = settings(Path("unglue.toml"))
    assert set(made.operators) == {"ann", "bo"}
    assert made.callback.url == "https://n8n.example.com/hook"
    assert made.itglue.base_url == REHEARSAL_URL + "/"


def test_an_answer_that_cannot_stand_is_asked_for_again(
    unglue: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever mistypes the last of five need not begin again, and nothing is injected."""
    keys = iter(["ITG.…", "two words", "ITG.b0a5c0ffee"])
    answers = iter([
        "connectwise", 'na.my"\n[policy]', "na.myconnectwise.net", "Cob\x7f", 'Co"balt', "us",
        "no url", "https://n8n.example.com/hook", "ann", "ann,ann", "ann,b\nc", "ann,bo",
    ])  # fmt: skip
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: next(answers))
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda *_: next(keys))
    shown = unglue("init")
    assert shown.status == 0, shown.err
    for said in ("must be a host name alone", "must be ASCII without blanks", "two different"):
        assert said in shown.err
    made = settings(Path("unglue.toml"))
    assert (made.policy.mode, set(made.operators)) == ("preview", {"ann", "bo"})
    assert made.model_dump()["sources"]["connectwise"]["company"] == 'Co"balt'
    assert next(answers, None) is next(keys, None) is None


def test_a_full_disk_leaves_no_half_file(unglue: Command, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        shown = unglue("init", "--rehearsal", "--vendor", "standard", *REST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (shown.status, "unglue.toml cannot be written: " in shown.err) == (2, True)
    assert not (tmp_path / "unglue.toml").exists()


def test_input_may_end(unglue: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    assert unglue("init", "--rehearsal").status != 0
    assert not (tmp_path / "unglue.toml").exists()
