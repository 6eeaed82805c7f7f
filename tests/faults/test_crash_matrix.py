"""kill -9 at every line of the journal, of every path that a deletion may take.

A path is first walked without a kill. Wherever that wrote to the journal, one deletion after the
other then loses its worker right before and right after, the scheduler, and the service; and each
must end as the undisturbed one did, with as many accepted DELETEs and one `webhook-id`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import pytest

from tests.support.fault_table import Row
from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.plant import Plant, client_of, eventually, plant
from tests.support.plant.stops import STOPS, STRUCK, Run, Stop, trace
from workers.result import result_of

WORKERS = 3
_ROUNDS = 4


def nothing(_it: Plant, _company: int) -> None:
    """The path needs nobody's help."""


def becomes_inactive(it: Plant, company: int) -> None:
    """The PSA's sync reaches IT Glue after the webhook has reached us."""
    url = f"{it.sandbox}/_sandbox/organizations/{org_of(company)}"
    it.http.post(url, json={"status": "Inactive"}).raise_for_status()


@dataclass(frozen=True)
class Path:
    """One way through the pipeline; `helps` is done once the deletion waits in state `at`."""

    name: str
    state: str
    accepted: int
    crowd: Crowd = field(default_factory=Crowd)
    policy: str = "export = false"
    data: tuple[tuple[str, Any], ...] = ()
    at: str = ""
    helps: Callable[[Plant, int], None] = nothing


PATHS = (
    Path("delete", "deleted", 1, Crowd(removal_seconds=0.8)),
    Path(
        "export and delete",
        "deleted",
        1,
        policy='export = true\nexport_dir = "{folder}/exports"',
    ),
    Path(
        "soft delete",
        "soft_deleted",
        0,
        Crowd(status="Active"),
        'export = false\nmode = "soft_delete"\nsoft_delete_status = "Inactive"',
    ),
    Path("dry run", "previewed", 0, data=(("dry_run", True),)),
    Path(
        "awaits eligibility",
        "deleted",
        1,
        Crowd(status="Active"),
        'export = false\neligibility_window = "48s"',
        at="awaiting_eligibility",
        helps=becomes_inactive,
    ),
    Path("retries", "deleted", 1, Crowd(stumbles=True)),
    Path("unanswered", "deleted", 1, Crowd(faults=("drop-after",))),
    Path(
        "refused",
        "blocked",
        0,
        Crowd(faults=("refuse-synced",)),
        'export = false\neligibility_window = "0s"',
    ),
)


def points(runs: list[Run]) -> Iterator[Stop]:
    """Every kill around every run that wrote to the journal."""
    for run in runs:
        if run.after > run.before:
            yield Stop(run.script, run.nth, "before")
            yield Stop(run.script, run.nth, "after")
            yield Stop(run.script, run.nth, "after", "scheduler")
            if run.script != "receive":
                yield Stop(run.script, run.nth, "after", "service")


class Walk:
    """A path, walked by many clients at once."""

    def __init__(self, it: Plant, path: Path) -> None:
        self._it = it
        self._path = path

    def send(self, stop: Stop | None = None) -> tuple[int, str]:
        """A client and its deletion. As its sender does, send until somebody has accepted it."""
        it, company = self._it, self._it.company()
        it.redis.set(f"test:client:{org_of(company)}", client_of(company))
        if stop is not None:
            it.redis.hset(STOPS, client_of(company), stop.dump())

        def accepted() -> str | None:
            try:
                answer = it.event(company, event_id=f"evt_{company}", **dict(self._path.data))
            except httpx.TransportError:
                return None
            return str(answer.json()["deletion_id"]) if answer.status_code == 202 else None

        deletion_id = eventually(accepted, "the event is accepted")
        assert deletion_id is not None
        return company, deletion_id

    def finish(self, sent: list[tuple[int, str]]) -> None:
        """Wait until all have ended and their results have arrived."""
        it = self._it
        left = dict(sent)

        def done() -> bool:
            for company, deletion_id in list(left.items()):
                deletion = it.deletion(deletion_id)
                if deletion.state == self._path.at:
                    self._path.helps(it, company)
                if deletion.terminal and it.receiver.ids(deletion_id):
                    del left[company]
            return not left

        eventually(done, f"all end; see {it.folder}")
        it.quiet()

    def outcome(self, company: int, deletion_id: str) -> dict[str, Any]:
        """What everybody sees of a deletion that has ended."""
        it = self._it
        deletion = it.deletion(deletion_id)
        result = result_of(deletion)
        return {
            "state": deletion.state,
            "accepted": it.deletes().get(org_of(company), 0),
            "webhook_ids": len(set(it.receiver.ids(deletion_id))),
            "errors": [error.code for error in deletion.errors],
            **{name: result[name] for name in ("success", "deleted", "warnings")},
            "dependency_check": result["dependency_check"],
        }

    def undisturbed(self) -> tuple[dict[str, Any], list[Run]]:
        """How the path ends, and what it ran."""
        company, deletion_id = self.send()
        self.finish([(company, deletion_id)])
        client = trace(client_of(company))

        def runs() -> list[Run] | None:
            lines = cast("list[bytes]", self._it.redis.lrange(client, 0, -1))
            found = [Run.load(line) for line in lines]
            return found if found and found[-1].script == "record_callback" else None

        found = eventually(runs, "the callback is recorded")
        assert found is not None
        return self.outcome(company, deletion_id), found


@pytest.mark.parametrize("path", PATHS, ids=[path.name.replace(" ", "-") for path in PATHS])
def test_killed_at_every_line_of_the_journal(path: Path, request: pytest.FixtureRequest) -> None:
    crowd = replace(path.crowd, size=150)
    with plant(crowd, policy=path.policy, watched=True) as it:
        it.start_all(workers=WORKERS)
        walk = Walk(it, path)
        expected, runs = walk.undisturbed()
        assert (expected["state"], expected["accepted"], expected["webhook_ids"]) == (
            path.state,
            path.accepted,
            1,
        )
        missing = list(points(runs))
        assert {stop.script for stop in missing} >= {"receive", "record", "record_callback"}
        since, kills, differing = time.monotonic(), len(missing), []
        with it.supervised():
            # How often the pipeline looks depends on when; what was not reached is tried again.
            for _ in range(_ROUNDS):
                sent = [(stop, *walk.send(stop)) for stop in missing]
                walk.finish([(company, deletion_id) for _, company, deletion_id in sent])
                members = cast("set[bytes]", it.redis.smembers(STRUCK))
                struck = {client.decode() for client in members}
                for stop, company, deletion_id in sent:
                    outcome = walk.outcome(company, deletion_id)
                    if outcome != expected:
                        differing.append((stop, outcome, it.journal(deletion_id)))
                missing = [stop for stop, company, _ in sent if client_of(company) not in struck]
                if not missing:
                    break
        row = Row("matrix", f"kill -9 at every line: {path.name}", kills, len(differing), 0)
        replace(row, seconds=time.monotonic() - since).add_to(request.node)
        assert missing == []
        assert differing == []
