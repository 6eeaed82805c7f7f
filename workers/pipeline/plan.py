"""A plan: what would be deleted, and what every gate says of it, as one value.

Nothing is deleted without a plan, and nothing that differs from its plan.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, Field

from workers.itglue.models import AccountView, Inventory, Organization

# The one gate that a person may pass.
WAIVABLE: Final = "dependencies"


def _sha256(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Activity(BaseModel, frozen=True):
    """The newest thing that people did, if any; `read` is false if IT Glue hid it."""

    read: bool
    newest: datetime | None = None


class Answer(BaseModel, frozen=True):
    """One gate's answer. `gate` is the reason code, `message` what an operator reads.

    `forced`: the gate refused and `force_delete` passed it. `ask`: a person must decide, whoever
    confirmed; an approval of the plan that shows it is that decision. `lags`: what was
    asked follows the PSA with its next sync, so the same question may be answered differently
    within hours. `evidence` is what an `ask` rests on, where two may read alike.
    """

    gate: str
    verdict: Literal["pass", "refuse", "forced", "ask"]
    message: str = ""
    lags: bool = False
    evidence: str = ""


class Plan(BaseModel, frozen=True):
    """The resolved organization, its counts, every gate's answer, and what follows from it.

    `act` is what would be done (mode, status to set, export), `word` who asked for it and how far
    that is believed. `configuration` is the digest of the settings by which it was made: what was
    read for it, how far back, and whose words are watched from it until the call follow from them.
    """

    made_at: datetime
    organization: Organization
    counts: Mapping[str, int | None]
    sub_organizations: tuple[str, ...] | None
    answers: tuple[Answer, ...]
    warnings: tuple[str, ...] = ()
    activity: Activity | None = None
    act: Mapping[str, Any] = Field(default_factory=dict)
    word: Mapping[str, Any] = Field(default_factory=dict)
    account: AccountView | None = None
    configuration: str = ""

    @property
    def inventory(self) -> Inventory:
        """What was counted."""
        return Inventory(self.counts, self.sub_organizations, self.warnings, self.account)

    @property
    def refusals(self) -> tuple[Answer, ...]:
        """The gates that forbid the deletion."""
        return tuple(answer for answer in self.answers if answer.verdict == "refuse")

    @property
    def asks(self) -> tuple[Answer, ...]:
        """The gates that want a person to decide."""
        return tuple(answer for answer in self.answers if answer.verdict == "ask")

    @property
    def waivable(self) -> bool:
        """Whether an approver may pass everything that forbids the deletion, and something does."""
        return {answer.gate for answer in self.refusals} == {WAIVABLE}

    def subject(self) -> dict[str, Any]:
        """Which organization is meant."""
        return self.organization.subject()

    def identity(self) -> dict[str, Any]:
        """What must not move between the plan and the call."""
        return {
            **self.subject(),
            "act": dict(self.act),
            "word": dict(self.word),
            "gates": {answer.gate: answer.verdict for answer in self.answers},
            "asks": {answer.gate: [answer.message, answer.evidence] for answer in self.asks},
        }

    @property
    def meaning(self) -> str:
        """SHA-256 over which organization is meant and what is done to it."""
        return _sha256([self.subject(), self.act.get("mode"), self.act.get("status")])

    @property
    def digest(self) -> str:
        """SHA-256 over the identity: equal digests are equal subjects, judged equally."""
        return _sha256(self.identity())

    def seen(self, generation: int, asked_at: int) -> str:
        """SHA-256 over everything that an approver is shown, the counts and the occasion too."""
        return _sha256([self.digest, dict(self.counts), generation, asked_at])

    def with_force(self, *, force: bool) -> Self:
        """The same plan, as it is judged if somebody passes the dependency gate, or nobody does."""
        before, after = ("refuse", "forced") if force else ("forced", "refuse")
        answers = tuple(
            answer.model_copy(update={"verdict": after})
            if answer.gate == WAIVABLE and answer.verdict == before
            else answer
            for answer in self.answers
        )
        return self.model_copy(update={"answers": answers})

    def moved(self, fresh: Self) -> tuple[str, ...]:
        """Names of what differs in a fresh plan."""
        mine, theirs = self.identity(), fresh.identity()
        return tuple(name for name in mine if mine[name] != theirs[name])
