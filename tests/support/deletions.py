"""Deletions in a ledger, asked for and ended, for tests that are about what comes after."""

from collections.abc import Sequence
from datetime import datetime

from adapters.models import DeletionRequest
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.pipeline.states import FAILED


async def ended(
    ledger: Ledger,
    name: str,
    now: datetime,
    *,
    state: str = FAILED,
    errors: Sequence[ErrorEntry] = (),
    url: str = "",
    request: DeletionRequest | None = None,
) -> str:
    """The id of a deletion that alice asked for and that came to this, all at one moment."""
    await ledger.deletions.create(
        deletion_id=name,
        request=request or DeletionRequest(org_id="301", confirm_delete=True),
        operator="alice",
        callback_url=url,
        idempotency_key=None,
        now=now,
    )
    held = await ledger.deletions.lease(name, now)
    assert held is not None
    await ledger.deletions.record(held, Change(state=state, errors=tuple(errors)), now)
    return name
