"""The state machine of a deletion as a table: what leads from where to where, and who decides it.

`docs/states.md` is written from it (`python -m workers.pipeline.transitions`), and the stateful
test holds every change of state that it sees against it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from workers.pipeline.states import (
    AWAITING_APPROVAL,
    AWAITING_ELIGIBILITY,
    BLOCKED,
    CANCELLED,
    DELETED,
    EXPORTING,
    FAILED,
    PREVIEWED,
    QUEUED,
    RETRYING,
    RUNNING,
    SCHEDULED,
    SOFT_DELETED,
    TERMINAL,
    VERIFYING,
    WAITING,
)

NOWHERE: Final = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """One way on. `script` is the one in `workers/ledger/scripts` that decides it, atomically."""

    sources: tuple[str, ...]
    to: str
    script: str
    when: str


_OPEN: Final = (QUEUED, RUNNING, *sorted(WAITING))
# Running: a worker reminds of it, or gives up.
_ASKED: Final = (AWAITING_APPROVAL, RUNNING)

TRANSITIONS: Final = (
    Transition((NOWHERE,), QUEUED, "receive", "a genuine event says that a client is inactive"),
    Transition((NOWHERE,), QUEUED, "create", "an operator or a sweep asks for it"),
    Transition((QUEUED, *sorted(WAITING)), RUNNING, "lease", "it is due, and a worker takes it"),
    Transition(
        (RUNNING,), AWAITING_ELIGIBILITY, "record",
        "a gate refuses that follows the PSA's next sync, or IT Glue says that it is synced",
    ),
    Transition(
        (RUNNING,), AWAITING_APPROVAL, "record",
        "a person has to decide: policy, no confirmation, a limit, a gate that asks, or records",
    ),
    Transition((RUNNING,), SCHEDULED, "record", "it may be deleted, and its grace period runs"),
    Transition((RUNNING,), EXPORTING, "record", "IT Glue builds the export"),
    Transition(
        (RUNNING,), RETRYING, "record",
        "IT Glue did not answer, everything is paused, or a call was not answered",
    ),
    Transition((RUNNING,), VERIFYING, "record", "IT Glue accepted the call and still shows it"),
    Transition((RUNNING,), DELETED, "record", "our call went out and IT Glue shows it gone"),
    Transition((RUNNING,), SOFT_DELETED, "record", "IT Glue shows the inactive status"),
    Transition((RUNNING,), PREVIEWED, "record", "a dry run: the plan is all that was asked for"),
    Transition((RUNNING,), BLOCKED, "record", "a gate or IT Glue refuses"),
    Transition(
        (RUNNING,), FAILED, "record",
        "not found, no permission, every attempt failed, or no proof came",
    ),
    Transition((RUNNING,), CANCELLED, "record", "nobody approved in time, or the client came back"),
    Transition(_ASKED, QUEUED, "approve", "another person than who asked approves it"),
    Transition(_ASKED, CANCELLED, "reject", "an approver rejects it"),
    Transition(_OPEN, CANCELLED, "cancel", "a person stops it; nothing was sent"),
    Transition(_OPEN, CANCELLED, "receive", "the client is active again; nothing was sent"),
    Transition(
        (BLOCKED, CANCELLED, FAILED, PREVIEWED), QUEUED, "replay",
        "a person begins it again (generation + 1)",
    ),
)  # fmt: skip


def allowed(before: str, after: str, script: str) -> bool:
    """Whether this script may make this change."""
    return any(
        before in each.sources and (after, script) == (each.to, each.script) for each in TRANSITIONS
    )


def page() -> str:
    """`docs/states.md`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The states of a deletion"
    yield ""
    yield "Written from the code by `make states`; do not edit."
    yield ""
    yield "| from | to | when | decided in |"
    yield "|---|---|---|---|"
    for each in TRANSITIONS:
        script = f"[{each.script}](../workers/ledger/scripts/{each.script}.lua)"
        yield f"| {_sources(each)} | `{each.to}` | {each.when} | {script} |"
    yield ""
    yield "Every state but " + _listed(tuple(sorted(TERMINAL))) + " has exactly one due score: when"
    yield "the scheduler hands the deletion out again, whatever became of the job before."


def _sources(transition: Transition) -> str:
    if transition.sources == (NOWHERE,):
        return "nowhere"
    if transition.sources == _OPEN:
        return "any that is not an end"
    return _listed(transition.sources)


def _listed(states: tuple[str, ...]) -> str:
    return ", ".join(f"`{state}`" for state in states)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - the page is the output
