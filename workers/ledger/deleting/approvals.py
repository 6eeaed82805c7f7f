"""Approvals: given and refused by people, each by one script."""

from datetime import datetime

from adapters.errors import Conflict, RoleMissing
from workers.ledger.records import Deletion, ErrorEntry, encode_errors
from workers.ledger.store import Part


class Approvals(Part):
    """What approvers say."""

    async def approve(
        self, shown: Deletion, *, seen: str, operator: str, force: bool, reason: str, now: datetime
    ) -> int | None:
        """Approve what was shown; the number of the job that goes on, if it waits for one.

        `seen` is the digest of what was shown. Said again, it is the same approval while that
        stands: nothing changes, and it is on disk before this returns.

        Raises:
            NotFound: there is no such deletion.
            RoleMissing: the operator asked for it.
            Conflict: it does not wait for this approval, or what waits is not what was shown.
            NotDurable: it is approved, and that may yet be lost with the server.
        """
        plan = shown.plan
        if plan is not None and force:
            plan = plan.with_force(force=True)
        word, *detail = await self._store.run(
            "approve",
            shown.id,
            now,
            now + self._store.requeue_after,
            operator,
            seen,
            force,
            plan.digest if plan else "",
            reason,
            durable=True,
        )
        if word == b"approved":
            return int(detail[0]) if detail else None
        raise _refusal(word.decode(), detail[0].decode() if detail else "", shown.id)

    async def reject(
        self, deletion_id: str, *, operator: str, reason: str, error: ErrorEntry, now: datetime
    ) -> None:
        """End a deletion that waits for an approval; said again, it is the same rejection.

        Raises:
            NotFound: there is no such deletion.
            Conflict: it does not wait for one.
            NotDurable: it is rejected, and that may yet be lost with the server.
        """
        word, *detail = await self._store.run(
            "reject",
            deletion_id,
            now,
            operator,
            reason,
            encode_errors((error,)),
            durable=True,
        )
        if word != b"rejected":
            raise _refusal(word.decode(), detail[0].decode() if detail else "", deletion_id)


def _refusal(word: str, detail: str, deletion_id: str) -> RoleMissing | Conflict:
    """Why not, and what to do."""
    match word:
        case "requester":
            return RoleMissing(
                "who asked for a deletion, or replayed it, may not approve it; another operator "
                "with the role approve has to"
            )
        case "ended":
            why = f"has ended: it is {detail}; nothing waits for a decision any more"
        case "approved_before":
            why = f"was already approved by {detail}; to stop it: unglue cancel {deletion_id}"
        case "not_awaiting":
            why = f"does not wait for approval: it is {detail}; to stop it, cancel it"
        case "expired":
            why = "was not approved in time and is being cancelled; ask again, or replay it"
        case "moved":
            why = (
                "is not what you were shown any more; look again, and approve with the digest that "
                "stands there under approval"
            )
        case "needs_force":
            why = (
                "is refused by the dependency gate: it still holds records; approve it with "
                "force_delete if they may be lost, or reject it"
            )
        case _:
            raise AssertionError(word)
    return Conflict(f"deletion {deletion_id} {why}")
