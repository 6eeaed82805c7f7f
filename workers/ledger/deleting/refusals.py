"""Why something is not replayed: the reason codes, and what each of them says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adapters.errors import Conflict, InvalidRequest

_MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # deletions
        "not_terminal": "{id} has not ended; cancel it first, or wait for its end",
        "moved": "{id} was replayed and ended again since you looked; look at how, then replay it",
        "succeeded": "{id} succeeded, and is never carried out again; its result can be sent again "
        "(what: callbacks)",
        "reactivated": "the client of {id} was active since, so what it asked for counts no more; "
        "a new event or a new request is needed",
        "already_deleted": "the client of {id} was deleted by another deletion",
        "cancelled_by_operator": "a person cancelled the deletion of the client of {id}; name {id} "
        "itself to overrule that",
        "other_open": "deletion {other} is open for the client of {id}; wait for its end",
        "claimed": "deletion {other} acts on the organization of {id}",
        # deliveries
        "unproved": "{id} was never proved to be genuine; the quarantine verifies it, or a "
        "person dismisses it: unglue dismiss {id}",
        "handled": "every event of {id} was handled; only rejected and ignored ones are replayed",
        "body_dropped": "{id} was ignored, and the bodies of such deliveries are kept for 7 days",
        "no_source": "the source of {id} is no longer configured, or is of another vendor now",
        # callbacks
        "pending": "{id} is still being tried",
        "notification": "{id} is a notification; they are not replayed",
        # in a batch
        "unknown": "there is no {id}",
        "killed_its_worker": "{id} ended its worker three times and was passed over; look into the "
        "workers' logs",
    }
)


class ReplayRefused(Conflict):
    """It is not replayed; `why` is the reason code."""

    def __init__(self, why: str, record_id: str, other: str = "") -> None:
        super().__init__(_MESSAGES[why].format(id=record_id, other=other))
        self.why = why


class KeyReused(InvalidRequest):
    """An `Idempotency-Key` that another request of this operator had."""

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was used for another request; use a new key for a new request"
        )
