"""A deletion that waits for approval, made without IT Glue."""

from datetime import UTC, datetime, timedelta

from adapters.models import DeletionRequest
from tests.support.deletions import requested
from workers.itglue.models import Organization
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.pipeline.plan import Answer, Plan
from workers.pipeline.steps.facts import Known
from workers.pipeline.steps.plan import decide
from workers.settings import Settings

NAME = "Bäckerei Großmann & Söhne"


def plan_of(*answers: Answer, name: str = NAME, now: datetime, assets: int = 0) -> Plan:
    passed = Answer(gate="protection", verdict="pass")
    return Plan(
        made_at=now,
        organization=Organization(id="301", name=name, status="Inactive", type="Customer"),
        counts={"assets": assets, "configs": 0, "documents": None},
        sub_organizations=(),
        answers=(passed, *answers),
        warnings=("documents could not be counted",),
    )


DEPENDENCIES = Answer(gate="dependencies", verdict="refuse", message="it still holds 7 assets")


async def awaiting(
    ledger: Ledger, settings: Settings, *answers: Answer, operator: str = "alice",
    deletion_id: str = "del_1", name: str = NAME, ago: timedelta = timedelta(), assets: int = 0,
) -> Deletion:  # fmt: skip
    """A deletion that this operator asked for, `ago`, and that waits (the policy asks always)."""
    now = datetime.now(UTC) - ago
    await requested(
        ledger,
        deletion_id,
        now,
        DeletionRequest(org_id="301", confirm_delete=True, reason="contract ended"),
        operator=operator,
    )
    return await again(ledger, settings, *answers, deletion_id=deletion_id, name=name, now=now,
                       assets=assets)  # fmt: skip


async def again(
    ledger: Ledger, settings: Settings, *answers: Answer, deletion_id: str = "del_1",
    name: str = NAME, now: datetime | None = None, assets: int = 0,
) -> Deletion:  # fmt: skip
    """What a worker makes of it now."""
    now = now or datetime.now(UTC)
    held = await ledger.deletions.lease(deletion_id, now)
    assert held is not None
    plan = plan_of(*answers, name=name, now=now, assets=assets)
    return await ledger.deletions.record(
        held, decide(held, plan, Known(settings), settings, now), now
    )
