"""Listens on every line, and notes whatever should not have happened."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.stateful.account import Account, Asked
from tests.support.stateful.books import Books
from tests.support.stateful.clients import Client
from tests.support.stateful.job import Job
from tests.support.stateful.judge import Call, Reads, objections, reading
from workers.ledger.records import Deletion
from workers.states import DELETED, SOFT_DELETED
from workers.transitions import NOWHERE, allowed


@dataclass
class Sent:
    """A call that was permitted. `state` is what the ledger holds of its outcome."""

    deletion_id: str
    number: int
    at: datetime
    day: str
    org_id: str
    job: Job
    state: str = "open"
    told: bool = False
    used: bool = False

    @property
    def kind(self) -> str:
        """What the worker was told to do: delete or soft_delete."""
        return self.job.settings.policy.mode


@dataclass
class Watch:
    """Everything known from listening, and every fault found so far.

    `born` counts the events of its client that a deletion's own event came after.
    """

    account: Account
    books: Books
    faults: list[str] = field(default_factory=list)
    permitted: list[Sent] = field(default_factory=list)
    clients: dict[tuple[str, str], Client] = field(default_factory=dict)
    born: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    calls: int = 0
    requests: int = 0
    unproved: dict[str, set[str]] = field(default_factory=dict)
    paused: bool = False
    moved: set[tuple[str, str, str]] = field(default_factory=set)
    _states: Mapping[str, str] = field(default_factory=dict)
    _reads: dict[Job, Reads] = field(default_factory=dict)
    _basis: dict[str, Reads] = field(default_factory=dict)

    # -- scripts ---------------------------------------------------------------------------------

    def ran(self, job: Job | None, script: str, args: Sequence[Any], answer: Any) -> None:
        """A script ran; nobody may know its answer yet."""
        self._note(f"{script} moved", self._astray(script))
        if job is None:
            return
        if script == "begin_delete" and answer[0] == b"begun":
            self._permitted(job, self.books.deletion(job.deletion_id))
        if script == "record" and answer[0] == b"recorded":
            self._recorded(job, self.books.deletion(job.deletion_id), planned="plan_digest" in args)

    def _astray(self, script: str) -> Iterator[str]:
        """Changes of state that the table of transitions does not have."""
        before, self._states = self._states, self.books.states()
        for name, state in self._states.items():
            was = before.get(name, NOWHERE)
            if was != state:
                self.moved.add((was, state, script))
                if not allowed(was, state, script):
                    yield f"{name} from {was or 'nowhere'} to {state}"

    def told(self, job: Job, script: str, answer: Any) -> None:
        """The job got this answer."""
        if script == "begin_delete" and answer[0] == b"begun":
            for sent in self.permitted:
                if sent.job is job and sent.number == int(answer[1]):
                    sent.told = True

    def _permitted(self, job: Job, deletion: Deletion) -> None:
        at, org_id = deletion.intent.at, deletion.intent.org_id
        assert at is not None
        sent = Sent(deletion.id, deletion.intent.number, at, at.strftime("%Y-%m-%d"), org_id, job)
        self._note(f"{deletion.id} may delete {org_id}", self._forbidding(job, deletion, sent))
        self.permitted.append(sent)

    def _forbidding(self, job: Job, deletion: Deletion, sent: Sent) -> Iterator[str]:
        if self.paused:
            yield "everything is paused"
        if deletion.id in self.stopped:
            yield "a person cancelled it"
        client = self.clients.get((deletion.source, deletion.client))
        if client is not None:
            yield from self._unsure(client, deletion)
        yield from self._in_the_way(sent, job.settings.policy.resend_after)
        begun = {each.deletion_id for each in self.permitted if each.day == sent.day}
        if sent.number == 1 and len(begun) >= job.settings.policy.max_deletions_per_day:
            yield f"{len(begun)} were begun that day"

    def _unsure(self, client: Client, deletion: Deletion) -> Iterator[str]:
        if self.unproved.get(deletion.source):
            yield f"events of its source wait to be proved: {self.unproved}"
        back = client.returned(self.born[deletion.id])
        if back is not None:
            yield f"its client is active again: {back}"

    def _in_the_way(self, sent: Sent, resend_after: timedelta) -> Iterator[str]:
        """Calls that may still be carried out, or were."""
        for other in self.permitted:
            if other.state == "refused":
                continue
            same = other.deletion_id == sent.deletion_id
            harmless = other.kind == "soft_delete"
            waited = other.state == "open" and (other.at + resend_after <= sent.at or harmless)
            if other.org_id == sent.org_id and not (same and waited):
                yield f"{other.deletion_id} sent one at {other.at}, which is {other.state}"
            if same and other.org_id != sent.org_id:
                yield f"it sent one for {other.org_id} before, which is {other.state}"

    def _recorded(self, job: Job, deletion: Deletion, *, planned: bool) -> None:
        if planned:
            self._basis[deletion.id] = self._reads.get(job, Reads())
        for sent in self.permitted:
            if (sent.deletion_id, sent.number) == (deletion.id, deletion.intent.number):
                sent.state = deletion.intent.state
        if deletion.state in {DELETED, SOFT_DELETED}:
            self._note(f"{deletion.id} is {deletion.state}", self._undone(job, deletion))
            client = self.clients.get((deletion.source, deletion.client))
            if client is not None and client.returned(self.born[deletion.id]) is None:
                client.ended = "deleted"

    def _undone(self, job: Job, deletion: Deletion) -> Iterator[str]:
        wanted = "delete" if deletion.state == DELETED else "soft_delete"
        modes = {each.kind for each in self.permitted if each.deletion_id == deletion.id}
        if wanted not in modes:
            yield f"and had leave to {modes or 'nothing'}"
        if deletion.state == DELETED and self.account.exists(int(deletion.intent.org_id)):
            yield f"and organization {deletion.intent.org_id} is there"
        if deletion.state == SOFT_DELETED:
            shown = self._reads.get(job, Reads()).shown.get(int(deletion.intent.org_id))
            wanted = job.settings.policy.soft_delete_status
            if shown is None or shown.what is None or shown.what.status != wanted:
                yield f"and was last seen as {shown}"

    # -- requests --------------------------------------------------------------------------------

    def sending(self, asked: Asked) -> None:
        """A request leaves the worker."""
        self.requests += 1
        if asked.method not in {"DELETE", "PATCH"}:
            return
        deletion = self.books.deletion(asked.job.deletion_id)
        what = f"{asked.method} of job {asked.job.number} for {deletion.id}"
        self._note(what, self._unpermitted(asked, deletion))

    def _unpermitted(self, asked: Asked, deletion: Deletion) -> Iterator[str]:
        mine = [each for each in self.permitted if each.job is asked.job and each.told]
        if not mine:
            yield "without permission"
            return
        permission = mine[-1]
        if permission.used:
            yield f"a second time under intent {permission.number}"
        permission.used = True
        if (deletion.intent.number, deletion.intent.state) != (permission.number, "open"):
            yield f"under intent {permission.number}, and the ledger has {deletion.intent}"
        if deletion.terminal:
            yield f"after its end as {deletion.state}"
        if str(_subject(asked)) != permission.org_id:
            yield f"for {_subject(asked)} instead of {permission.org_id}"
        if asked.method == "DELETE" and asked.job.settings.policy.export:
            exported = deletion.export
            if exported is None or exported.org_id != permission.org_id or exported.file is None:
                yield f"without an export: {exported}"
            elif not Path(exported.file).is_file():
                yield f"and its export {exported.file} is not on disk"

    def arriving(self, asked: Asked) -> None:
        """A request is acted upon."""
        job = asked.job
        reads = self._reads.get(job, Reads())
        if asked.method not in {"DELETE", "PATCH"}:
            self._reads[job] = reading(reads, asked, self.account)
            return
        self.calls += 1
        deletion, org_id = self.books.deletion(job.deletion_id), _subject(asked)
        call = Call(
            asked=asked,
            at=self.account.now(),
            org_id=org_id,
            request=deletion.request,
            policy=job.settings.policy,
            look=reads.shown.get(org_id),
            reads=self._basis.get(deletion.id, Reads()),
        )
        what = f"{asked.method} of {org_id} by {deletion.id} ({deletion.request})"
        self._note(what, objections(call))

    def heard(self, asked: Asked, answer: httpx.Response) -> None:
        """The worker got this answer."""
        if answer.status_code != 200:
            return
        if asked.shows is not None and int(json.loads(answer.content)["data"]["id"]) != asked.shows:
            return
        self._reads.get(asked.job, Reads()).heard(asked)

    # -- the end ---------------------------------------------------------------------------------

    def unreported(self, deletions: Mapping[str, Deletion]) -> Iterator[str]:
        """Deletions that ended as if nothing had been sent, and may have deleted."""
        for sent in self.permitted:
            deletion = deletions[sent.deletion_id]
            hard = sent.kind == "delete" and sent.state in {"open", "accepted"}
            codes = {error.code for error in deletion.errors}
            if (
                hard
                and deletion.terminal
                and deletion.state != DELETED
                and "DeletionUnverified" not in codes
            ):
                yield f"{deletion.id} is {deletion.state}; call {sent.number} was {sent.state}"

    def _note(self, what: str, faults: Iterator[str]) -> None:
        self.faults += [f"{what}: {fault}" for fault in faults]

    def overlapping(self) -> Iterator[str]:
        """DELETEs for one organization that were under way at the same time."""
        flights: dict[str, int | None] = {}
        for entry in self.account.sandbox.journal.entries:
            if entry.method != "DELETE":
                continue
            subject = json.dumps(entry.body)
            if subject in flights:
                landed = flights[subject]
                if landed is None or landed > entry.started:
                    yield f"two DELETEs at once: {entry.body}"
            flights[subject] = entry.finished


def _subject(asked: Asked) -> int:
    """The organization that a call changes."""
    if asked.method == "PATCH":
        return int(asked.path.rpartition("/")[2])
    return int(json.loads(asked.body)["data"][0]["attributes"]["id"])
