"""What `begin_delete` asks of an approval, and that Python judges alike."""

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.models import DeletionRequest
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.deletions import begun as asked_to_begin
from tests.support.deletions import leased
from workers.ledger.deleting.deletions import Conditions
from workers.ledger.ledger import Ledger
from workers.pipeline.approval import outgrown
from workers.times.clock import to_ms

COUNTS = [
    (0, 0, True),
    (3, 3, True),
    (3, 2, True),
    (3, 4, False),
    (0, 1, False),
    (3, None, False),
    (None, None, True),
    (None, 0, True),
    (None, 1, False),
]


async def begin(
    ledger: Ledger, clock: TestClock, conditions: Conditions, **fields: Any
) -> tuple[str, list[str]]:
    """The script's decision about a deletion whose hash has these fields; what was audited."""
    held = await leased(ledger, "del_1", clock(), DeletionRequest(org_id="5", confirm_delete=True))
    name = ledger.store.key("deletion", "del_1")
    written: Any = {"plan_digest": "d", "plan_counts": "{}", **fields}
    await ledger.store.redis.hset(name, mapping=written)
    begun = await asked_to_begin(ledger, held, clock(), conditions=conditions)
    return begun.decision, [line["why"] for line in await audited(ledger, "not_begun")]


def granted(**fields: Any) -> dict[str, Any]:
    return {
        "approval_why": "policy",
        "approval_by": "carol",
        "approval_generation": 1,
        "approval_digest": "d",
        "approval_counts": "{}",
        **fields,
    }


@pytest.mark.parametrize(("approved", "now", "holds"), COUNTS)
async def test_a_count_above_the_approved_one_is_not_approved(
    ledger: Ledger, clock: TestClock, approved: int | None, now: int | None, *, holds: bool
) -> None:
    fields = granted(
        approval_counts=json.dumps({"assets": approved, "same": 1}),
        plan_counts=json.dumps({"assets": now, "same": 1}),
    )
    decision, _ = await begin(ledger, clock, Conditions(approval=True), **fields)
    assert (decision == "begun") is holds
    assert outgrown(approved, now) is not holds


@pytest.mark.parametrize(
    ("approved", "now", "holds"),
    [({}, {"assets": 0}, True), ({}, {"assets": 1}, False), ({"assets": 1}, {}, False)],
)
async def test_a_kind_that_is_not_in_both(
    ledger: Ledger, clock: TestClock, approved: Any, now: Any, *, holds: bool
) -> None:
    fields = granted(approval_counts=json.dumps(approved), plan_counts=json.dumps(now))
    decision, _ = await begin(ledger, clock, Conditions(), **fields)
    assert (decision == "begun") is holds


UNAPPROVED = {
    "nothing was asked": {},
    "nobody answered": {"approval_why": "policy", "approval_generation": 1},
    "it was ended": granted(approval_by=""),
    "another generation": granted(approval_generation=0),
    "another plan": granted(approval_digest="e"),
    "a plan nobody counted": granted(approval_digest=""),
}


@pytest.mark.parametrize("fields", UNAPPROVED.values(), ids=UNAPPROVED)
async def test_unapproved_no_call(ledger: Ledger, clock: TestClock, fields: dict[str, Any]) -> None:
    decision, audited = await begin(ledger, clock, Conditions(approval=True), **fields)
    assert (decision, audited) == ("unapproved", ["unapproved"])
    assert (await ledger.store.hash("deletion", "del_1"))["intent_no"] == "0"


@pytest.mark.parametrize(
    "fields",
    [
        {"approval_why": "limit", "approval_generation": 1},
        granted(approval_digest="e"),
        granted(approval_why="", approval_digest="e"),
    ],
)
async def test_asked_is_needed(ledger: Ledger, clock: TestClock, fields: dict[str, Any]) -> None:
    decision, _ = await begin(ledger, clock, Conditions(), **fields)
    assert decision == "unapproved"


@pytest.mark.parametrize(
    ("begun", "until", "generation", "decision"),
    [
        (None, None, 1, "too_early"),
        (-3600, 0, 1, "begun"),
        (-3600, 1, 1, "too_early"),
        (-3599, 0, 1, "too_early"),
        (-9999, -99, 0, "too_early"),
    ],
)
async def test_the_grace_must_be_over(
    ledger: Ledger, clock: TestClock, begun: int | None, until: int | None, generation: int,
    decision: str,
) -> None:  # fmt: skip
    now = to_ms(clock())
    fields: dict[str, Any] = {}
    if begun is not None and until is not None:
        fields = {
            "grace_of": "m",
            "grace_from": now + 1000 * begun,
            "grace_until": now + 1000 * until,
            "grace_generation": generation,
        }
    conditions = Conditions(grace=timedelta(hours=1))
    assert (await begin(ledger, clock, conditions, **fields))[0] == decision
