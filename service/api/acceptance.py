"""What follows once a delivery is durable: its deletions are handed on, and it is logged."""

import structlog

from workers.intake.intake import Acknowledged
from workers.processes.queue import HandOff

log = structlog.get_logger()


def accepted(hand_off: HandOff, source: str, acknowledged: Acknowledged) -> None:
    """Hand on the new deletions, and log every event."""
    for receipt in acknowledged.receipts:
        if receipt.deletion_id is not None and receipt.job is not None:
            hand_off.push(receipt.deletion_id, receipt.job)
        write = log.error if receipt.alert else log.info
        write(
            "received",
            source=source,
            delivery_id=acknowledged.delivery_id,
            verdict=receipt.verdict,
            reason=receipt.reason,
            deletion_id=receipt.deletion_id,
            alert=receipt.alert,
        )
