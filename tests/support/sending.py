"""The outbox, an attempt at a time."""

from workers.outbox.outgoing import Means
from workers.outbox.send import attempt, record


async def send(callback_id: str, means: Means) -> None:
    """Make one attempt, if it is due and nobody else is making it."""
    held = await means.ledger.callbacks.lease(callback_id, means.clock())
    if held is not None:
        await record(await attempt(held, means), means)
