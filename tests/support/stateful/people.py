"""What people granted, as the test saw it happen: what a call may rest on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.support.stateful.account import Facts
from workers.ledger.records import Deletion

REQUESTER = "alice"


@dataclass(frozen=True)
class Approval:
    """Somebody looked at this and said yes. `order`: as many words came before what was shown."""

    by: str
    at: datetime
    because_of_limit: bool
    force: bool
    org_id: int
    name: str
    created_at: str | None
    psa_ids: frozenset[str]
    counts: Mapping[str, int | None]
    mode: str
    order: int

    @classmethod
    def of(cls, shown: Deletion, by: str, at: datetime, *, force: bool, order: int) -> "Approval":
        """The approval of what stood there, planned after so many words."""
        assert shown.plan is not None
        assert shown.asked is not None
        organization = shown.plan.organization
        return cls(
            by=by,
            at=at,
            because_of_limit=shown.asked.why == "limit",
            force=force,
            org_id=int(organization.id),
            name=organization.name,
            created_at=organization.created_at,
            psa_ids=frozenset(organization.psa_ids or ()),
            counts=shown.plan.counts,
            mode=shown.mode,
            order=order,
        )

    def differs(self, there: Facts) -> Iterator[str]:
        """What is not as it was approved."""
        mine = (self.org_id, self.name, self.created_at)
        if mine != (there.id, there.name, there.created_at):
            yield f"approved was {mine}, and there was {there}"
        linked = {company for _, company in there.links}
        if self.psa_ids != linked:
            yield f"approved with links {set(self.psa_ids)}, and there were {linked}"

    def outgrown(self, kind: str, number: int) -> bool:
        """Whether there is more of a kind than the approver was shown."""
        return number > (self.counts.get(kind) or 0)


def improper(shown: Deletion, approval: Approval, *, stale: bool) -> Iterator[str]:
    """Why this approval should not have been taken."""
    asked = shown.asked
    if asked is None or shown.granted is not None or shown.terminal:
        yield f"nothing was asked: {shown}"
        return
    if stale:
        yield "what was approved is not what was shown"
    if approval.at >= asked.until:
        yield f"the time was over at {asked.until}"
    asked_for_it = shown.replayed_by, "" if shown.by_webhook else shown.actor
    if approval.by in asked_for_it:
        yield f"{approval.by} asked for it"
    plan = shown.plan
    refused = {answer.gate for answer in plan.refusals} if plan else {"no plan"}
    if refused - {"dependencies"}:
        yield f"the gates {refused} refuse"
    if refused and not approval.force:
        yield "the dependency gate refuses and nobody granted force_delete"
