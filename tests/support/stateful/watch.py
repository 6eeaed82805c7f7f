"""Listens on every line, and notes whatever should not have happened."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.stateful.account import Account, Asked, Facts
from tests.support.stateful.books import Books
from tests.support.stateful.clients import Client
from tests.support.stateful.decided import Decided
from tests.support.stateful.job import Job
from tests.support.stateful.judge import LONGEST_LOOK, Call, Reads, objections, reading
from tests.support.stateful.people import Approval
from tests.support.stateful.words import folded
from workers.ledger.records import Deletion
from workers.pipeline.states import CANCELLED, DELETED, SOFT_DELETED
from workers.pipeline.transitions import NOWHERE, TRANSITIONS, allowed
from workers.psa.company import Company
from workers.settings.policy import PolicySettings

_DAY = timedelta(days=1)
# A job may be stopped between two, and the same command may come twice.
_MOST_ASKED = 5
_MOVES = frozenset(each.script for each in TRANSITIONS)


@dataclass
class Sent:
    """A call that was permitted: `kind` is what to do, `state` what the ledger holds of it.

    It is `forgotten` once the ledger is another one.
    """

    deletion_id: str
    number: int
    at: datetime
    org_id: str
    job: Job
    kind: str
    state: str = "open"
    told: bool = False
    used: bool = False
    forgotten: bool = False


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
    protected: set[str] = field(default_factory=set)
    approvals: dict[str, Approval] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    anew: dict[str, datetime] = field(default_factory=dict)
    begun: list[tuple[datetime, str, str]] = field(default_factory=list)
    configured_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    moved: set[tuple[str, str, str]] = field(default_factory=set)
    decided: Decided = field(default_factory=Decided)
    ledgers: int = 1
    states: Mapping[str, str] = field(default_factory=dict)
    _reads: dict[Job, Reads] = field(default_factory=dict)
    _basis: dict[str, Reads] = field(default_factory=dict)
    _strayed: set[Job] = field(default_factory=set)
    _answers: Counter[tuple[Job, datetime, bytes]] = field(default_factory=Counter)

    # -- scripts ---------------------------------------------------------------------------------

    def ran(self, job: Job | None, script: str, args: Sequence[Any], answer: Any) -> None:
        """A script ran; nobody may know its answer yet."""
        self.books.stale = True
        if job is not None and script in {"lease", "record"}:
            answer = self._of_one(job, script, answer)
        elif script in _MOVES:
            self._note(f"{script} moved", self._astray(script, self.books.states()))
        if job is None:
            return
        if script == "begin_delete":
            if answer[0] == b"begun":
                self._permitted(job, self.books.deletion(job.deletion_id))
            self._note(f"{job.deletion_id} asks in a circle", self._circling(job, answer[0]))
        if script == "record" and answer:
            self._recorded(job, answer, planned="plan_digest" in args)

    def _circling(self, job: Job, answer: bytes) -> Iterator[str]:
        """One answer, given to one job again and again, while nothing else happens."""
        self._answers[job, self.account.now(), answer] += 1
        if self._answers[job, self.account.now(), answer] == _MOST_ASKED:
            yield answer.decode()

    def _of_one(self, job: Job, script: str, answer: Any) -> Deletion | None:
        """The deletion as the answer shows it. If another one was moved, `strayed` sees that."""
        fields = answer[1] if script == "record" and answer[0] == b"recorded" else answer
        if len(fields) < 2:
            return None
        deletion = self.books.shown(job.deletion_id, fields)
        states = {**self.states, deletion.id: deletion.state}
        self._note(f"{script} moved", self._astray(script, states))
        return deletion

    def _astray(self, script: str, states: Mapping[str, str]) -> Iterator[str]:
        """Changes of state that the table of transitions does not have."""
        before, self.states = self.states, states
        for name, state in self.states.items():
            was = before.get(name, NOWHERE)
            if was != state:
                self.moved.add((was, state, script))
                if not allowed(was, state, script):
                    yield f"{name} from {was or 'nowhere'} to {state}"

    def strayed(self) -> Iterator[str]:
        """Changes of state that no script made which may."""
        for name, deletion in self.books.newest.items():
            if deletion.state != self.states.get(name):
                yield f"{name} was {self.states.get(name)} and is {deletion.state}"

    def told(self, job: Job, script: str, answer: Any) -> None:
        """The job got this answer."""
        if script == "begin_delete" and answer[0] == b"begun":
            for sent in self.permitted:
                if sent.job is job and sent.number == int(answer[1]):
                    sent.told = True

    def _permitted(self, job: Job, deletion: Deletion) -> None:
        at, org_id = deletion.intent.at, deletion.intent.org_id
        assert at is not None
        sent = Sent(deletion.id, deletion.intent.number, at, org_id, job, deletion.intent.kind)
        self._note(f"{deletion.id} may delete {org_id}", self._forbidding(job, deletion, sent))
        self.permitted.append(sent)
        if not self._counted(deletion.id, at):
            self.begun.append((at, deletion.id, deletion.source))

    def _forbidding(self, job: Job, deletion: Deletion, sent: Sent) -> Iterator[str]:
        if self.paused:
            yield "everything is paused"
        if sent.org_id in self.protected:
            yield "a person protects it"
        if deletion.id in self.stopped:
            yield "a person cancelled it"
        look = self._reads.get(job, Reads()).shown.get(int(sent.org_id))
        client = self.clients.get((deletion.source, deletion.client))
        if client is not None:
            yield from self._unsure(client, deletion, look.what if look else None)
        if look is not None and look.what is not None:
            approval = self.approvals.get(deletion.id)
            yield from self.decided.objections(
                deletion, look.what, sent.kind, job.settings, approval
            )
            yield from self._in_psa(job, deletion, look.what, sent.at)
        yield from self._in_the_way(sent, job.settings.policy.resend_after)
        yield from self._unapproved(job.settings.policy, deletion)
        yield from self._hurried(job.settings.policy.grace_period or timedelta(), deletion, sent.at)
        yield from self._too_many(job.settings.policy, deletion, sent.at)

    def _in_psa(self, job: Job, deletion: Deletion, there: Facts, at: datetime) -> Iterator[str]:
        """What the PSAs that are to be asked said of the companies of this organization."""
        answers = self._reads.get(job, Reads()).psa
        approved = deletion.id in self.approvals
        named = deletion.request.psa
        links = {*there.links, *([(named.integration_type, named.company_id)] if named else [])}
        for source, config in job.settings.sources.items():
            kind = config.integration_type if config.asks else None
            for number in sorted(number for each, number in links if each == kind):
                asked, company = answers.get((source, number), (None, None))
                if asked is None or at - asked > LONGEST_LOOK:
                    yield f"company {number} of {source} was not asked about: {asked}"
                elif company is None and not approved:
                    yield f"the PSA had no company {number} of {source}, and nobody approved that"
                elif company and company.active and (not approved or source == deletion.source):
                    yield f"company {number} of {source} was active in the PSA: {company}"
                elif company and folded(company.name) != folded(there.name) and not approved:
                    yield f"it was called {there.name!r}, and in the PSA it was {company}"

    def psa_said(
        self, job: Job, source: str, number: str, at: datetime, company: Company | None
    ) -> None:
        """A job was told of a company by its PSA, as it was at this moment."""
        self._reads[job] = self._reads.get(job, Reads()).told(source, number, at, company)

    def _unapproved(self, policy: PolicySettings, deletion: Deletion) -> Iterator[str]:
        confirmed = deletion.request.confirm_delete or not deletion.by_webhook
        asks = policy.approval == "always" or (policy.approval == "webhooks" and not confirmed)
        if asks and deletion.id not in self.approvals:
            yield f"nobody approved it, and approval is {policy.approval}"

    def _hurried(self, grace: timedelta, deletion: Deletion, at: datetime) -> Iterator[str]:
        """The grace period begins when nothing else is missing."""
        approval = self.approvals.get(deletion.id)
        since = self.anew.get(deletion.id, deletion.created_at)
        # One that was approved before may have had its grace, and so may one of another policy.
        if approval and since >= self.configured_at and deletion.id not in self.voided:
            since = approval.at
        if at - since < grace:
            yield f"the grace period of {grace} had not passed since {since}"

    def _counted(self, deletion_id: str, at: datetime) -> bool:
        """Whether a deletion counts for the limits already."""
        return any(name == deletion_id and then > at - _DAY for then, name, _ in self.begun)

    def _too_many(self, policy: PolicySettings, deletion: Deletion, at: datetime) -> Iterator[str]:
        approval = self.approvals.get(deletion.id)
        if self._counted(deletion.id, at) or (approval and approval.because_of_limit):
            return
        for most, window, source in (
            (policy.max_deletions_per_day, _DAY, None),
            (policy.max_deletions_per_hour, timedelta(hours=1), None),
            (policy.max_api_deletions_per_day, _DAY, "api"),
        ):
            if most is None or (source is not None and deletion.source != source):
                continue
            begun = [
                name
                for then, name, whose in self.begun
                if then > at - window and source in {None, whose}
            ]
            if len(begun) >= most:
                yield f"{begun} were begun within {window}, and the limit is {most}"

    def _unsure(self, client: Client, deletion: Deletion, there: Facts | None) -> Iterator[str]:
        if self.unproved.get(deletion.source):
            yield f"events of its source wait to be proved: {self.unproved}"
        back = client.returned(self.born[deletion.id])
        # By another of its names it may have been said to be inactive since.
        if back is not None and not (there and self.decided.words.outdated(back, there)):
            yield f"its client is active again: {back}"

    def _in_the_way(self, sent: Sent, resend_after: timedelta) -> Iterator[str]:
        """Calls that may still be carried out, or were."""
        for other in self.permitted:
            if other.state == "refused" or other.forgotten:
                continue
            same = other.deletion_id == sent.deletion_id
            # A status may be set twice, by one after the other.
            harmless = other.kind == "soft_delete"
            waited = other.state == "open" and (other.at + resend_after <= sent.at or harmless)
            over = harmless and self.books.deletion(other.deletion_id).terminal
            if other.org_id == sent.org_id and not ((same or over) and waited):
                yield f"{other.deletion_id} sent one at {other.at}, which is {other.state}"
            if same and other.org_id != sent.org_id:
                yield f"it sent one for {other.org_id} before, which is {other.state}"

    def _recorded(self, job: Job, deletion: Deletion, *, planned: bool) -> None:
        if deletion.granted is None and self.approvals.pop(deletion.id, None) is not None:
            self.voided.add(deletion.id)
        if planned:
            self._basis[deletion.id] = self._reads.get(job, Reads())
            self.decided.plan(deletion)
            if deletion.state != CANCELLED and not deletion.intent.unanswered:
                self._note(f"{deletion.id} is not cancelled", self._unwanted(job, deletion))
        for sent in self.permitted:
            if (sent.deletion_id, sent.number) == (deletion.id, deletion.intent.number):
                sent.state = deletion.intent.state
        if deletion.state in {DELETED, SOFT_DELETED}:
            self._note(f"{deletion.id} is {deletion.state}", self._undone(job, deletion))
            client = self.clients.get((deletion.source, deletion.client))
            if client is not None and not client.returned(self.born[deletion.id], or_may=True):
                client.end("deleted")

    def _unwanted(self, job: Job, deletion: Deletion) -> Iterator[str]:
        """What the PSA of its own source said when the plan was made: nobody wants it any more."""
        links = (deletion.plan.organization.psa_ids if deletion.plan else None) or ()
        for (source, number), (_, company) in self._reads.get(job, Reads()).psa.items():
            if source == deletion.source and number in links and company and company.active:
                yield f"company {number} of {source} was active in the PSA: {company}"

    def _undone(self, job: Job, deletion: Deletion) -> Iterator[str]:
        wanted = "delete" if deletion.state == DELETED else "soft_delete"
        modes = {each.kind for each in self.permitted if each.deletion_id == deletion.id}
        if wanted not in modes:
            yield f"and had leave to {modes or 'nothing'}"
        if deletion.state == DELETED and self.account.exists(int(deletion.intent.org_id)):
            yield f"and organization {deletion.intent.org_id} is there"
        if deletion.state == SOFT_DELETED:
            shown = self._reads.get(job, Reads()).shown.get(int(deletion.intent.org_id))
            # What a person was shown counts, not what the file says since (ADR 64).
            planned = deletion.plan.act.get("status") if deletion.plan else None
            wanted = planned or job.settings.policy.soft_delete_status
            if shown is None or shown.what is None or shown.what.status != wanted:
                yield f"and was last seen as {shown}"

    def begun_anew(self, deletion_id: str, at: datetime, mode: str) -> None:
        """A replay: what people said before holds no longer."""
        self.decided.begun_anew(deletion_id, mode)
        self.stopped.discard(deletion_id)
        self.approvals.pop(deletion_id, None)
        self.voided.discard(deletion_id)
        self.anew[deletion_id] = at

    def copied(self) -> tuple[dict[tuple[str, str], Client], dict[str, int]]:
        """What a copy of the ledger knows: of clients, and what each deletion came after."""
        return deepcopy((self.clients, self.born))

    def another_ledger(self, clients: dict[tuple[str, str], Client], born: dict[str, int]) -> None:
        """The ledger was emptied or restored: it may know nothing of senders and calls."""
        self.ledgers += 1
        self.decided.lose()
        self.books.begin_anew()
        self.states = self.books.states()
        for sent in self.permitted:
            sent.forgotten = True
        self.clients, self.born = clients, {**dict.fromkeys(self.born, 0), **born}
        self.unproved.clear()
        self.protected.clear()
        self.begun.clear()
        self.approvals.clear()
        self.stopped.clear()

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
        if permission.forgotten:
            return
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
            self._strayed.discard(job)
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
            approval=self.approvals.get(deletion.id),
        )
        what = f"{asked.method} of {org_id} by {deletion.id} ({deletion.request})"
        self._note(what, objections(call))

    def misled(self, asked: Asked) -> None:
        """A request gets to another account than the one that was asked for.

        Nobody can know of what changed after the look right before the call.
        """
        if asked.method not in {"DELETE", "PATCH"}:
            self._strayed.add(asked.job)
            return
        look = self._reads.get(asked.job, Reads()).shown.get(_subject(asked))
        fresh = look and look.seen and self.account.now() - look.at <= LONGEST_LOOK
        if asked.elsewhere or asked.job in self._strayed or not fresh:
            what = f"{asked.method} of {_subject(asked)} by {asked.job.deletion_id}"
            self.faults.append(f"{what}: in another account than the one it was asked for")

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
            if sent.forgotten:
                continue
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
        if self.ledgers > 1:
            # What was sent under the first ledger, the next one cannot know.
            return
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
