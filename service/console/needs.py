"""What a person should look at, most urgent first: the same in the console and on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.counting import counted
from workers.ledger.installation.stop_switch import ACCOUNT_CHANGED, LEDGER_LOST
from workers.pipeline.states import AWAITING_APPROVAL

_MOST_NAMES = 3
# What a bare `unglue resume` is refused for.
_ACCEPTS = {
    LEDGER_LOST: " --accept-ledger --reason ...",
    ACCOUNT_CHANGED: " --accept-account",
}


@dataclass(frozen=True, slots=True)
class Need:
    """One of them. `cure` is what to type, `page` where the console shows it, "" if nowhere."""

    text: str
    cure: str
    page: str = ""

    @property
    def words(self) -> str:
        """As one line for a terminal."""
        return f"{self.text}{self.cure}"


def needs(now: Mapping[str, Any]) -> Iterator[Need]:
    """The needs of an installation, from what `GET /v1/status` says of it."""
    for each in now["pauses"]:
        # Who found a lost ledger says it in his reason.
        said = "unglue resume" in each["reason"]
        how = "" if said else f"; to go on: unglue resume{_ACCEPTS.get(each['cause'], '')}"
        yield Need(f"deletions are {paused(each)}", how, "/pause")
    if (redis := now.get("redis", "ok")) == "ok":
        yield from _parts(now)
    else:
        # Nor can anybody write down that he is alive.
        text = f"Redis takes no writes ({redis}), so nothing is taken in and nothing deleted"
        yield Need(text, "; see: unglue doctor")
    yield from _receivers(now)
    yield from _waiting(now)


def _parts(now: Mapping[str, Any]) -> Iterator[Need]:
    # A service of an older version does not say.
    if not now.get("worker", True):
        yield Need("no worker is alive: what is accepted stays queued", "; start: unglue worker")
    others = now.get("other_configurations", 0)
    if others:
        text = counted(others, "other configurations")
        yield Need(f"{text} within the last hour may delete nothing", ": unglue doctor")
    if not now["scheduler"]:
        yield Need("no scheduler is alive", "; start: unglue scheduler")
    if not now.get("outbox", True):
        yield Need("nobody sends results and notifications", "; start: unglue outbox")


def _receivers(now: Mapping[str, Any]) -> Iterator[Need]:
    if failing := now.get("failing_targets"):
        text = counted(len(failing), "notification targets fail", "notification target fails")
        yield Need(f"{text}: {_some(failing)}", "; see: unglue doctor")
    if silent := now.get("silent_receivers"):
        text = counted(len(silent), "receivers do", "receiver does")
        cure = "; what waits for them: unglue results"
        yield Need(f"{text} not answer: {_some(silent)}", cure, "/results?state=pending")


def _waiting(now: Mapping[str, Any]) -> Iterator[Need]:
    if now["overdue"]:
        yield Need(
            counted(now["overdue"], "deletions")
            + " should have been taken up a minute ago; is a worker running?",
            " see: unglue doctor",
        )
    waiting = now["deletions"][AWAITING_APPROVAL]
    if waiting:
        where = f"/deletions?state={AWAITING_APPROVAL}"
        cure = f": unglue deletions --state {AWAITING_APPROVAL}"
        yield Need(
            counted(waiting, "deletions wait", "deletion waits") + " for approval", cure, where
        )
    if now["holds"]:
        text = counted(now["holds"], "deliveries hold", "delivery holds") + " deletions"
        yield Need(text, ": unglue holds", "/deliveries?held=yes")
    if now["quarantined"]:
        text = counted(now["quarantined"], "deliveries") + " cannot be proved"
        cure = ": unglue deliveries --verdict unverified"
        yield Need(text, cure, "/deliveries?held=yes")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")


def paused(pause: Mapping[str, Any]) -> str:
    """A pause in words."""
    by = f" by {pause['by']}" if pause["by"] else ""
    return f"paused{by} since {pause['at']}: {pause['reason']}"
