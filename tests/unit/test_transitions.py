"""The table of transitions, by itself; the stateful test holds what really happens against it."""

import re
from pathlib import Path

import pytest

from workers.pipeline.states import DELETED, QUEUED, RUNNING, SOFT_DELETED, STATES, TERMINAL
from workers.pipeline.transitions import NOWHERE, TRANSITIONS, Transition, allowed, page

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workers" / "ledger" / "scripts"


def reachable(first: str) -> set[str]:
    found, new = {first}, {first}
    while new:
        new = {each.to for each in TRANSITIONS if new & set(each.sources)} - found
        found |= new
    return found


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs" / "states.md").read_text(encoding="utf-8") == page(), "make states"


@pytest.mark.parametrize("each", TRANSITIONS, ids=lambda each: f"{each.script}-{each.to}")
def test_each_way_is_one_of_a_script_that_changes_states(each: Transition) -> None:
    text = (SCRIPTS / f"{each.script}.lua").read_text(encoding="utf-8")
    assert re.search(r"\b(set_state|finish|create|stop)\(", text)
    assert {each.to, *each.sources} <= {*STATES, NOWHERE}


def test_every_state_is_reached() -> None:
    assert reachable(NOWHERE) == {*STATES, NOWHERE}


@pytest.mark.parametrize("state", sorted(set(STATES) - TERMINAL))
def test_no_state_is_a_trap(state: str) -> None:
    assert reachable(state) & TERMINAL


@pytest.mark.parametrize("done", [DELETED, SOFT_DELETED])
def test_only_a_worker_that_holds_the_lease_ends_in_success(done: str) -> None:
    ways = [each for each in TRANSITIONS if each.to == done]
    assert [(each.sources, each.script) for each in ways] == [((RUNNING,), "record")]


@pytest.mark.parametrize("done", [DELETED, SOFT_DELETED])
def test_success_is_the_end(done: str) -> None:
    assert not [each for each in TRANSITIONS if done in each.sources]


def test_what_is_not_in_the_table_is_not_allowed() -> None:
    assert allowed(RUNNING, DELETED, "record")
    assert not allowed(QUEUED, DELETED, "record")
    assert not allowed(RUNNING, DELETED, "cancel")
    assert not allowed(DELETED, QUEUED, "create")
