"""What a line of `unglue deletions` says of a deletion, where it is cut first."""

from typing import Any

import pytest

from service.commands.deletions import _foreseen, _shown
from service.terminal.outcome import due, named

AT = "2026-12-05T14:02:09Z"
WAITS: dict[str, Any] = {
    "state": "awaiting_approval", "due_at": AT, "approvers": ["carol"], "waits_for": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "ends unless approved by: carol"),
        ({"approvers": []}, "ends unless approved by: nobody"),
        ({"state": "scheduled"}, "to be deleted"),
        ({"state": "retrying", "waits_for": "psa"}, "looked at again: psa"),
        ({"state": "queued"}, "due"),
        ({"state": "running"}, "at the latest it is looked at again"),
    ],
)
def test_the_time_comes_first(changed: dict[str, Any], said: str) -> None:
    assert due({**WAITS, **changed}, short=True) == f"2026-12-05T14:02 {said}"


@pytest.mark.parametrize(
    ("would", "stopped", "said"),
    [
        (None, [], ""),
        (True, [], "would be deleted"),
        (False, ["dependencies", "proof"], "would not: dependencies, proof"),
    ],
)
def test_a_dry_run_says_what_it_found(would: bool | None, stopped: list[str], said: str) -> None:
    assert _foreseen({"would_delete": would, "stopped_by": stopped}) == said


def test_what_is_not_known_of_an_organization_is_left_out() -> None:
    assert named({"org_id": None, "org_name": "Nope"}) == "Nope"
    assert named({"org_id": "5", "org_name": None}) == "5"
    assert named({"org_id": None, "org_name": None}) == "?"


def test_of_what_a_psa_said_the_journal_shows_the_words() -> None:
    said = [{"source": "cw", "state": "active", "words": "it is active"}, {"words": "it is not"}]
    assert _shown(said) == "it is active; it is not"
    assert _shown(["a", "b"]) == "a; b"
    assert _shown(5) == "5"
