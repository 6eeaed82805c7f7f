"""What a gate looks at, and how it answers."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from adapters.models import DeletionRequest
from workers.itglue.models import Inventory, Organization
from workers.ledger.protections import Protection
from workers.plan import Activity, Answer
from workers.settings.policy import PolicySettings


@dataclass(frozen=True, slots=True)
class Subject:
    """One deletion as its gates see it.

    `by_webhook`: no person asked for it. `activity` is there if the policy asks for idle time.
    `asks`: it waits for an approval, or has one. `forced`: the approval grants `force_delete`.
    """

    request: DeletionRequest
    organization: Organization
    inventory: Inventory
    policy: PolicySettings
    now: datetime
    activity: Activity | None = None
    by_webhook: bool = False
    protection: Protection | None = None
    asks: bool = False
    forced: bool = False


def answer(gate: str, refusal: str | None, *, lags: bool = False) -> Answer:
    """The gate's answer: a refusal with its message, or a pass."""
    if refusal is None:
        return Answer(gate=gate, verdict="pass")
    return Answer(gate=gate, verdict="refuse", message=refusal, lags=lags)


def comparable(name: str) -> str:
    """A name as names are compared: Unicode NFC, trimmed, case kept."""
    return unicodedata.normalize("NFC", name).strip()
