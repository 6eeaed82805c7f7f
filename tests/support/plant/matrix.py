"""kill -9 at every line of the journal of one path: how it is walked, killed and compared."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

import httpx
import pytest

from tests.support.fault_table import Row
from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.plant import Plant, client_of, eventually, plant
from tests.support.plant.stops import STOPS, STRUCK, Run, Stop, trace
from workers.pipeline.result import result_of

WORKERS = 3
KILLS: tuple[tuple[Literal["before", "after"], str], ...] = (
    ("before", "kill"),
    ("after", "kill"),
    ("after", "scheduler"),
    ("after", "service"),
)
_ROUNDS = 8


def nothing(_it: Plant, _company: int) -> None:
    """The path needs nobody's help."""


@dataclass(frozen=True)
class Path:
    """One way through the pipeline; `helps` is done once the deletion waits in state `at`.

    `unanswered` is the only other error with which it may end, where the worker died between the
    intent and the answer: IT Glue refused what nobody heard, and goes on refusing, so nobody can
    know what became of the first call.
    """

    name: str
    state: str
    accepted: int
    crowd: Crowd = field(default_factory=Crowd)
    policy: str = "export = false"
    data: tuple[tuple[str, Any], ...] = ()
    at: str = ""
    helps: Callable[[Plant, int], None] = nothing
    unanswered: str = ""


Point = tuple[str, tuple[str, ...], str, str]


def points(runs: list[Run]) -> dict[Point, Stop]:
    """Every kill around every run that wrote to the journal; what is written again counts once."""
    found: dict[Point, Stop] = {}
    for run in runs:
        for when, act in KILLS:
            itself = act == "service" and run.script in {"receive", "approve"}
            if run.entries and not itself:
                point = (run.script, run.entries, when, act)
                found.setdefault(point, Stop(run.script, run.nth, when, act))
    return found


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

        # The same bytes each time: with others it would be another event under the same id.
        at = datetime.now(UTC)

        def accepted() -> str | None:
            try:
                answer = it.event(
                    company, event_id=f"evt_{company}", at=at, **dict(self._path.data)
                )
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

        try:
            # To look at so many fifty times a second is a tenth of all that a kill costs.
            eventually(done, f"all end; see {it.folder}", every=0.2)
        except AssertionError as error:
            stuck = {name: (it.deletion(name).state, it.journal(name)) for name in left.values()}
            raise AssertionError(f"{error}\n{stuck}") from None
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

    def unknowable(
        self, outcome: dict[str, Any], expected: dict[str, Any], deletion_id: str
    ) -> bool:
        """Whether it ended as it may where the worker died between the intent and the answer."""
        journal = self._it.journal(deletion_id)
        after_intent = journal[journal.index("intent") + 1] if "intent" in journal else ""
        differs = {"state": "failed", "errors": [self._path.unanswered]}
        return after_intent == "lease_expired" and outcome == {**expected, **differs}

    def undisturbed(self) -> tuple[dict[str, Any], list[Run]]:
        """How the path ends, and what it ran."""
        company, deletion_id = self.send()
        self.finish([(company, deletion_id)])
        client = trace(client_of(company))

        def runs() -> list[Run] | None:
            lines = cast("list[bytes]", self._it.redis.lrange(client, 0, -1))
            found = [Run.load(line) for line in lines]
            return found if any(run.script == "record_callback" for run in found) else None

        found = eventually(runs, "the callback is recorded")
        assert found is not None
        return self.outcome(company, deletion_id), found


def kill_at_every_line(path: Path, item: pytest.Item) -> None:
    """Walk the path undisturbed, then once for every kill, and require the same end."""
    crowd = replace(path.crowd, size=150)
    with plant(crowd, policy=path.policy, watched=True) as it:
        it.start_all(workers=WORKERS)
        # As long after the server's start: the first walk would wait for that, and no other one.
        it.redis.hset("unglue:ledger", "server_at", 0)
        walk = Walk(it, path)
        expected, runs = walk.undisturbed()
        ends = (expected["state"], expected["accepted"], expected["webhook_ids"])
        assert ends == (path.state, path.accepted, 1), ends
        missing = set(points(runs))
        scripts = {script for script, *_ in missing}
        assert scripts >= {"receive", "record", "record_callback"}, scripts
        since, kills, differing = time.monotonic(), 0, []
        with it.supervised():
            # How often the pipeline looks depends on the moment, and so does what is the n-th run.
            for _ in range(_ROUNDS):
                stops = [(point, stop) for point, stop in points(runs).items() if point in missing]
                sent = [(point, *walk.send(stop)) for point, stop in stops]
                walk.finish([(company, deletion_id) for _, company, deletion_id in sent])
                struck = cast("set[bytes]", it.redis.smembers(STRUCK))
                for point, company, deletion_id in sent:
                    if client_of(company).encode() in struck:
                        missing.discard(point)
                        kills += 1
                    outcome = walk.outcome(company, deletion_id)
                    if outcome != expected and not walk.unknowable(outcome, expected, deletion_id):
                        differing.append((point, outcome, it.journal(deletion_id)))
                if not missing:
                    break
                _, runs = walk.undisturbed()
        seconds = time.monotonic() - since
        fault = f"kill -9 at every line: {path.name}"
        Row("matrix", fault, kills, 0, len(differing), seconds).add_to(item)
        assert missing == set()
        assert differing == []
