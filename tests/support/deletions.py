"""Deletions in a ledger, asked for, taken and ended, for tests that are about what comes after."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from adapters.models import DeletionRequest
from workers.ledger.deleting.deletions import Begun, Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.states import FAILED
from workers.times.clock import rfc3339

REQUEST = DeletionRequest(org_id="301", confirm_delete=True)


async def requested(
    ledger: Ledger,
    name: str,
    now: datetime,
    request: DeletionRequest = REQUEST,
    *,
    operator: str = "alice",
    url: str = "",
    key: str | None = None,
) -> tuple[str, int | None]:
    """A deletion that an operator asks for: its id, and the number of its job."""
    return await ledger.deletions.create(
        deletion_id=name,
        request=request,
        operator=operator,
        callback_url=url,
        idempotency_key=key,
        now=now,
    )


async def leased(
    ledger: Ledger, name: str, now: datetime, request: DeletionRequest = REQUEST, *, url: str = ""
) -> Deletion:
    """A deletion that was asked for and that a worker holds."""
    await requested(ledger, name, now, request, url=url)
    held = await ledger.deletions.lease(name, now)
    assert held is not None
    return held


async def ended(
    ledger: Ledger,
    name: str,
    now: datetime,
    *,
    state: str = FAILED,
    errors: Sequence[ErrorEntry] = (),
    url: str = "",
    request: DeletionRequest = REQUEST,
) -> str:
    """The id of a deletion that was asked for and came to this, all at one moment."""
    held = await leased(ledger, name, now, request, url=url)
    await ledger.deletions.record(held, Change(state=state, errors=tuple(errors)), now)
    return name


async def begun(ledger: Ledger, held: Deletion, now: datetime, **more: Any) -> Begun:
    """What is answered to the question whether the call may go out."""
    asked = {"org_id": "5", "digest": "d", "resend_after": timedelta(minutes=10), "limits": ()}
    return await ledger.deletions.begin_delete(held, now=now, **{**asked, **more})


async def cancelled(ledger: Ledger, name: str, now: datetime, operator: str = "bob") -> None:
    """Cancelled by an operator."""
    error = ErrorEntry("Cancelled", f"by {operator}", rfc3339(now))
    await ledger.deletions.cancel(name, operator=operator, error=error, now=now)


async def approved(
    ledger: Ledger, shown: Deletion, now: datetime, operator: str = "carol", *, force: bool = False
) -> None:
    """Approved as it was shown."""
    assert shown.asked is not None
    await ledger.approvals.approve(
        shown, seen=shown.asked.seen, operator=operator, force=force, reason="", now=now
    )
