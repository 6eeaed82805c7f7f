"""What a gate looks at, and how it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any

from adapters.models import DeletionRequest
from workers.itglue.models import Inventory, Organization
from workers.ledger.deleting.protections import Protection
from workers.ledger.deleting.registers import NOTHING_SAID, Standing
from workers.pipeline.plan import Activity, Answer
from workers.psa.asking import Said
from workers.settings.policy import Mode, PolicySettings
from workers.settings.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Subject:
    """One deletion as its gates see it.

    `by_webhook`: no person asked for it. `activity` is there if the policy asks for idle time.
    `asks`: it waits for an approval, or has one. `forced`: the approval grants `force_delete`.
    `standing` is what sources and persons said of the organization. `psa_sources` are the
    configured sources by which IT Glue's links are known, with their integration type. `pinned` is
    the organization as it was first looked at. `distrust` says what changed about who
    asked, `harder_now` is the policy's mode if it is harder than what was asked for,
    `act_now` what else would be done otherwise now than was planned.
    `overrules_at`: a person knew then of what was said before, the ledger's first `overrules`
    decisions, and asked all the same. `known_name` comes from an earlier event, `called` from the
    newest one of its source.
    `said` is what PSAs that were asked said of its companies. `worded_at`: it was said then whom it
    means. `policy_then` is what the policy went by when it was planned first.
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
    standing: Standing = NOTHING_SAID
    psa_sources: Mapping[str, str] = field(default_factory=dict)
    pinned: Mapping[str, Any] | None = None
    distrust: str = ""
    harder_now: Mode | None = None
    act_now: str = ""
    overrules_at: datetime | None = None
    overrules: int = 0
    known_name: str = ""
    called: str = ""
    schedule: Schedule | None = None
    said: tuple[Said, ...] = ()
    worded_at: datetime | None = None
    policy_then: Mapping[str, Any] | None = None


def answer(gate: str, refusal: str | None, *, lags: bool = False) -> Answer:
    """The gate's answer: a refusal with its message, or a pass."""
    if refusal is None:
        return Answer(gate=gate, verdict="pass")
    return Answer(gate=gate, verdict="refuse", message=refusal, lags=lags)


def refusing(judge: Callable[[Subject], str | None]) -> Callable[[Subject], Answer]:
    """The gate of this name, from a function that says why it refuses, or `None` if it passes."""

    @wraps(judge)
    def gate(subject: Subject) -> Answer:
        return answer(judge.__name__, judge(subject))

    return gate


def ask(gate: str, words: str, evidence: str = "") -> Answer:
    """The gate's answer: a person must decide because of this, or a pass if it is empty."""
    if not words:
        return Answer(gate=gate, verdict="pass")
    return Answer(gate=gate, verdict="ask", message=words, evidence=evidence)
