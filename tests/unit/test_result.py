"""The result object: all keys always, and `deleted` only for what was proved."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.models import DeletionRequest
from workers.itglue.models import Organization
from workers.ledger.deleting.exported import Exported
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.plan import Answer, Plan
from workers.pipeline.result import result_of
from workers.pipeline.states import (
    BLOCKED,
    DELETED,
    FAILED,
    PREVIEWED,
    SOFT_DELETED,
    TERMINAL,
)
from workers.times.clock import to_ms

NOW = datetime(2026, 1, 22, 10, 30, 0, 999_000, tzinfo=UTC)
COUNTS = {"assets": 12, "configs": 4, "documents": 7, "passwords": 3, "contacts": None}
REFUSED = Answer(gate="dependencies", verdict="refuse", message="it still holds 12 assets")
PLAN = Plan(
    made_at=NOW,
    organization=Organization(id="301", name="TestCompany"),
    counts=COUNTS,
    sub_organizations=(),
    answers=(Answer(gate="tags", verdict="pass"),),
    warnings=("a warning of the plan",),
)
AT = str(to_ms(NOW))
ENDED = Deletion.load(
    {
        "id": "del_1",
        "state": DELETED,
        "step": "verify",
        "generation": "1",
        "source": "cw",
        "vendor": "connectwise",
        "client": "2",
        "actor": "member",
        "delivery_id": "dlv_1",
        "request": '{"org_name": "Test Company", "org_id": "77", "reason": "left"}',
        "callback_url": "",
        "created_at": AT,
        "updated_at": AT,
        "ready_at": AT,
        "finished_at": AT,
        "fence": "3",
        "attempts": "0",
        "deaths": "0",
        "intent_no": "1",
        "intent_state": "accepted",
        "intent_at": AT,
        "intent_org": "301",
        "plan": PLAN.model_dump_json(),
        "mode": "delete",
        "requests": "31",
    }
)
KEYS = [
    "success",
    "org_id",
    "org_name",
    "deleted",
    "timestamp",
    "dependency_check",
    "warnings",
    "errors",
    "details",
]
DETAILS = [
    "deletion_id",
    "state",
    "source",
    "delivery_id",
    "mode",
    "reason",
    "actor",
    "export",
    "plan_digest",
    "request_count",
    "generation",
    "audit_head",
    "approval",
    "would_delete",
]


def result(**changes: Any) -> dict[str, Any]:
    content = result_of(replace(ENDED, **changes))
    plain: dict[str, Any] = json.loads(json.dumps(content))
    assert list(plain) == KEYS
    assert list(plain["details"]) == DETAILS
    return plain


def test_a_whole_result() -> None:
    assert result() == {
        "success": True,
        "org_id": "301",
        "org_name": "TestCompany",
        "deleted": True,
        "timestamp": "2026-01-22T10:30:00Z",
        "dependency_check": {
            "assets_found": 12,
            "configs_found": 4,
            "documents_found": 7,
            "blocked": False,
            "other": {"passwords": 3, "contacts": None},
        },
        "warnings": ["a warning of the plan"],
        "errors": [],
        "details": {
            "deletion_id": "del_1",
            "state": "deleted",
            "source": "cw",
            "delivery_id": "dlv_1",
            "mode": "delete",
            "reason": "left",
            "actor": "member",
            "export": None,
            "plan_digest": PLAN.digest,
            "request_count": 31,
            "generation": 1,
            "audit_head": None,
            "approval": None,
            "would_delete": None,
        },
    }


ASKS = Answer(gate="identity", verdict="ask", message="a bare number")


@pytest.mark.parametrize(
    ("changes", "would"),
    [
        ({"state": "previewed"}, True),
        ({"state": "previewed", "plan": PLAN.model_copy(update={"answers": (REFUSED,)})}, False),
        ({"state": "previewed", "plan": PLAN.model_copy(update={"answers": (ASKS,)})}, False),
        ({"state": "failed"}, False),
        ({"state": "previewed", "plan": None}, False),
    ],
)
def test_whether_it_would_be_deleted(changes: dict[str, Any], would: bool) -> None:
    dry = ENDED.request.model_copy(update={"dry_run": True})
    assert result(request=dry, **changes)["details"]["would_delete"] is would
    # Asked for in earnest, and previewed because the policy says so.
    assert result(mode="preview", **changes)["details"]["would_delete"] is would


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("plan", [PLAN, None])
def test_success_and_deleted(state: str, plan: Plan | None) -> None:
    content = result(state=state, plan=plan)
    assert content["success"] == (state in {DELETED, SOFT_DELETED, PREVIEWED})
    assert content["deleted"] == (state == DELETED)
    assert content["details"]["state"] == state


def test_without_a_plan_the_request_is_named() -> None:
    content = result(state=FAILED, plan=None)
    assert (content["org_id"], content["org_name"]) == ("77", "Test Company")
    assert content["dependency_check"] == {
        "assets_found": None,
        "configs_found": None,
        "documents_found": None,
        "blocked": False,
        "other": {},
    }
    assert len(content["warnings"]) == 1
    assert content["details"]["plan_digest"] is None


def test_an_api_request_by_name_has_no_id() -> None:
    request = DeletionRequest(org_name="Test Company")
    content = result(state=FAILED, plan=None, request=request, delivery_id="", actor="", mode="")
    assert content["org_id"] is None
    details = content["details"]
    assert (details["delivery_id"], details["actor"], details["mode"]) == (None, None, None)


@pytest.mark.parametrize("kind", ["assets", "configs", "documents"])
def test_what_was_not_counted_is_null_with_a_warning(kind: str) -> None:
    for counts in ({**COUNTS, kind: None}, {k: v for k, v in COUNTS.items() if k != kind}):
        content = result(plan=PLAN.model_copy(update={"counts": counts}))
        assert content["dependency_check"][f"{kind}_found"] is None
        (warning,) = set(content["warnings"]) - {"a warning of the plan"}
        assert warning.endswith("could not be counted")


def test_whoever_counted_has_said_why() -> None:
    why = "documents could not be counted: 403"
    update = {"counts": {**COUNTS, "documents": None}, "warnings": (why,)}
    assert result(plan=PLAN.model_copy(update=update))["warnings"] == [why]


def test_nothing_found_is_zero() -> None:
    counts = {"assets": 0, "configs": 0, "documents": 0}
    content = result(plan=PLAN.model_copy(update={"counts": counts}))
    assert content["dependency_check"]["assets_found"] == 0
    assert content["warnings"] == ["a warning of the plan"]


def test_a_preview_says_what_would_block() -> None:
    plan = PLAN.model_copy(update={"answers": (REFUSED,)})
    request = DeletionRequest(org_id="301", dry_run=True)
    content = result(state=PREVIEWED, plan=plan, request=request)
    assert "would block: dependencies: it still holds 12 assets" in content["warnings"]
    assert content["dependency_check"]["blocked"] is True
    assert content["details"]["mode"] == "dry_run"


def test_a_preview_by_policy_is_a_dry_run() -> None:
    assert result(state=PREVIEWED, mode="preview")["details"]["mode"] == "dry_run"


def test_what_blocked_is_an_error_not_a_warning() -> None:
    error = ErrorEntry("DeletionBlocked", "it still holds 12 assets", "2026-01-22T10:30:00Z")
    plan = PLAN.model_copy(update={"answers": (REFUSED,)})
    content = result(state=BLOCKED, plan=plan, errors=(error,))
    assert content["errors"] == [
        {
            "code": "DeletionBlocked",
            "message": "it still holds 12 assets",
            "timestamp": "2026-01-22T10:30:00Z",
        }
    ]
    assert content["warnings"] == ["a warning of the plan"]
    assert content["dependency_check"]["blocked"] is True


def test_another_gate_does_not_block_by_dependencies() -> None:
    refused = Answer(gate="tags", verdict="refuse", message="#keep")
    content = result(state=BLOCKED, plan=PLAN.model_copy(update={"answers": (refused,)}))
    assert content["dependency_check"]["blocked"] is False


def test_what_was_forced_is_said() -> None:
    forced = REFUSED.model_copy(update={"verdict": "forced"})
    content = result(plan=PLAN.model_copy(update={"answers": (forced,)}))
    assert content["dependency_check"]["blocked"] is False
    assert (
        "dependencies was passed by force_delete: it still holds 12 assets" in content["warnings"]
    )


def test_an_export_counts_once_its_file_is_there() -> None:
    asked = Exported(id="9", org_id="301", asked_at=NOW)
    assert result(export=asked)["details"]["export"] is None
    there = asked.model_copy(update={"file": "exports/301.zip", "size": 5, "sha256": "ab"})
    assert result(export=there)["details"]["export"] == {
        "file": "exports/301.zip",
        "size": 5,
        "sha256": "ab",
    }
