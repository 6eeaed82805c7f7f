"""An approval: what was asked, what was said to it, and whether that still holds. Pure values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, get_args

from workers.pipeline.gates.dependencies import LABELS
from workers.pipeline.plan import Plan
from workers.times.clock import from_ms, to_ms

# policy: the configuration asks for everything; unconfirmed: nobody confirmed it; limit: more was
# asked for than a limit allows; doubt: a gate asks; dependencies: only what an approver may waive
# forbids it.
Why = Literal["policy", "unconfirmed", "limit", "doubt", "dependencies"]
WHYS: tuple[Why, ...] = get_args(Why)
WORDS: Mapping[str, str] = {
    "policy": "the configuration asks for an approval",
    "unconfirmed": "nobody has confirmed it",
    "limit": "it goes beyond a limit on deletions",
    "doubt": "what is known of it does not agree",
    "dependencies": "it still holds records",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval that is wanted.

    `seen` is the digest of what the approver is shown, and what is to be sent back. `moved` tells
    what differs from the plan that was approved before. `needs_force`: the dependency gate refuses,
    so the approval must grant `force_delete`. `reminded` counts the reminders.
    """

    why: Why
    at: datetime
    until: datetime
    seen: str
    moved: tuple[str, ...]
    needs_force: bool
    reminded: int

    @property
    def words(self) -> str:
        """Why it is held."""
        return WORDS[self.why]

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> Self | None:
        """What is asked of this generation of a deletion, from its hash."""
        why = fields.get("approval_why", "")
        if why not in WHYS or fields.get("approval_generation") != fields["generation"]:
            return None
        return cls(
            why=why,
            at=from_ms(fields["approval_asked_at"]),
            until=from_ms(fields["approval_until"]),
            seen=fields["approval_seen"],
            moved=tuple(json.loads(fields.get("approval_moved") or "[]")),
            needs_force=fields.get("approval_needs_force") == "1",
            reminded=int(fields.get("approval_reminded") or 0),
        )


@dataclass(frozen=True, slots=True)
class Granted:
    """An approval that was given. `passes` is what it was asked for, `plan` what was shown.

    The digest is that of the plan as it is judged with the `force` that was granted.
    """

    by: str
    at: datetime
    reason: str
    force: bool
    passes: str
    digest: str
    plan: Plan

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> Self | None:
        """What was approved of this generation of a deletion, from its hash."""
        by = fields.get("approval_by", "")
        if not by or fields.get("approval_generation") != fields["generation"]:
            return None
        force = fields.get("approval_force") == "1"
        plan = Plan.model_validate_json(fields["approval_plan"])
        return cls(
            by=by,
            at=from_ms(fields["approval_at"]),
            reason=fields.get("approval_reason", ""),
            force=force,
            passes=fields["approval_passes"],
            digest=fields["approval_digest"],
            plan=plan.with_force(force=True) if force else plan,
        )

    def moved(self, fresh: Plan) -> tuple[str, ...]:
        """What differs in a fresh plan, which voids the approval (as in `begin_delete`)."""
        mine, theirs = self.plan.identity(), fresh.identity()
        gates, others = mine.pop("gates"), theirs.pop("gates")
        asks, asked = mine.pop("asks"), theirs.pop("asks")
        said = [
            f"{name}: {_shown(before)} → {_shown(now)}"
            for name, before, now in _differing(mine, theirs)
        ]
        said += [
            f"gate {gate}: {asked[gate][0]}"
            for gate in asked
            if asks.get(gate) not in (None, asked[gate])
        ]
        said += [
            f"gate {gate}: {gates.get(gate, 'not asked')} → {others.get(gate, 'not asked')}"
            for gate in {**gates, **others}
            if gates.get(gate) != others.get(gate)
        ]
        before, now = self.plan.counts, fresh.counts
        said += [
            f"{LABELS.get(kind, kind.replace('_', ' '))}: {_count(before)} → {_count(now)}"
            for kind, before, now in (
                (kind, before.get(kind), now.get(kind)) for kind in {**before, **now}
            )
            if outgrown(before, now)
        ]
        return tuple(said)


def outgrown(approved: int | None, now: int | None) -> bool:
    """Whether there may be more than an approver was shown; `None` is a count nobody could take."""
    if now is None:
        return approved is not None
    return now > (approved or 0)


def _differing(
    mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    """What differs, one level down where it is a table: `act.mode`."""
    for name, before in mine.items():
        now = theirs[name]
        if isinstance(before, dict):
            for key in {**before, **now}:
                if before.get(key) != now.get(key):
                    yield f"{name}.{key}", before.get(key), now.get(key)
        elif before != now:
            yield name, before, now


def _count(count: int | None) -> str:
    return "?" if count is None else str(count)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else repr(value)


@dataclass(frozen=True, slots=True)
class Grace:
    """A grace period that has begun: for which meaning of the request, and until when."""

    of: str
    since: datetime
    until: datetime

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> Self | None:
        """The grace of this generation of a deletion, from its hash."""
        if fields.get("grace_generation") != fields["generation"]:
            return None
        return cls(
            of=fields["grace_of"],
            since=from_ms(fields["grace_from"]),
            until=from_ms(fields["grace_until"]),
        )


def asking(
    plan: Plan, generation: int, why: Why, now: datetime, until: datetime, moved: tuple[str, ...]
) -> dict[str, str | int]:
    """The fields of a deletion that waits for an approval of this plan; an older one is gone."""
    at = to_ms(now)
    return {
        **NOT_GRANTED,
        "approval_why": why,
        "approval_asked_at": at,
        "approval_until": to_ms(until),
        "approval_seen": plan.seen(generation, at),
        "approval_generation": generation,
        "approval_moved": json.dumps(moved),
        "approval_needs_force": "1" if plan.with_force(force=True) != plan else "",
        "approval_reminded": 0,
    }


# Written over an approval that is void.
NOT_GRANTED: Mapping[str, str | int] = {
    "approval_by": "",
    "approval_digest": "",
    "approval_counts": "",
    "approval_force": "",
    "approval_passes": "",
    "approval_plan": "",
    "approval_said": "",
}
