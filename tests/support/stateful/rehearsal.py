"""The pipeline, its ledger and IT Glue in one thread, and everything that can happen to them."""

import json
import os
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import patch

import redis
from redis.exceptions import ConnectionError as ConnectionLost

from adapters.contract import SourceConfig
from adapters.errors import Conflict, NotFound, RoleMissing
from adapters.headers import Headers
from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.stateful.account import URL, Account
from tests.support.stateful.books import Books
from tests.support.stateful.clients import Client, Event
from tests.support.stateful.crew import Broken, Crew
from tests.support.stateful.job import Order
from tests.support.stateful.lines import WatchedStore, Wire
from tests.support.stateful.loop import MovedLoop
from tests.support.stateful.people import REQUESTER, Approval, improper
from tests.support.stateful.sender import VENDOR, Rehearsed
from tests.support.stateful.watch import Watch
from workers.intake import Acknowledged, Intake
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.queue import QUEUE_KEY
from workers.settings import Settings
from workers.signing_keys import SigningKeys
from workers.states import AWAITING_APPROVAL, CANCELLED

# Shorter windows than the defaults, so that a deletion that waits ends within few looks.
WINDOWS = {
    "verify_window": "1h",
    "eligibility_window": "2h",
    "export_timeout": "1h",
    "approval_ttl": "1h",
}
_MOST_ROUNDS = 400

T = TypeVar("T")


class Rehearsal(Crew):
    """Ask, deliver, work, meddle; `check` after every step, `finish` in the end."""

    def __init__(self, server: "redis.Redis", folder: Path) -> None:
        server.flushdb()
        clock = TestClock()
        self.account = Account(clock)
        self.books = Books(server)
        self.watch = Watch(self.account, self.books)
        self.account.arriving = self.watch.arriving
        self.wire = Wire(self.account, self.watch, lambda name: self.books.deletion(name).step)
        self.folder = folder
        self.base: Mapping[str, Any] = {"export": False, "export_dir": str(folder), **WINDOWS}
        settings = self._configured({})
        worker = settings.worker
        self.store = WatchedStore(
            server,
            self.watch,
            queue_key=QUEUE_KEY,
            lease=worker.lease,
            requeue_after=worker.requeue_after,
            retention=timedelta(days=settings.retention_days),
        )
        super().__init__(Ledger(self.store), clock, MovedLoop(clock))
        self.settings = settings
        self._dated: set[str] = set()
        self.known: list[str] = []
        self.delivered: list[Event] = []
        self.vendor = Rehearsed()
        self._bodies: dict[str, bytes] = {}
        self._server = server
        self._ids = {kind: count(1) for kind in ("del", "dlv", "event")}
        self._intake = Intake(
            sources={
                name: SourceConfig(vendor=VENDOR, confirm_delete=True) for name in ("cw", "rw")
            },
            deliveries=self.ledger.deliveries,
            quarantine=self.ledger.quarantine,
            keys=cast("SigningKeys", None),  # nothing here is signed
            callback_url="https://rewst.example.com/hook",
            max_event_age=self.settings.policy.max_event_age,
            clock=self.clock,
            new_id=self._id,
        )

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids[kind])}"

    def _configured(self, policy: Mapping[str, Any]) -> Settings:
        return Settings(
            itglue={"base_url": URL, "api_key": self.account.sandbox.settings.api_key},
            policy={**self.base, **policy},
        )

    # -- asking ----------------------------------------------------------------------------------

    def ask(self, *, answer: Order = Order.GO, **fields: Any) -> str:
        """A deletion by the API; its id."""
        deletion_id = self._id("del")
        request = DeletionRequest(**{"confirm_delete": True, **fields})
        creating = self.ledger.deletions.create(
            deletion_id=deletion_id,
            request=request,
            operator=REQUESTER,
            callback_url="https://rewst.example.com/hook",
            idempotency_key=None,
            now=self.clock(),
        )
        self._served(creating, answer)
        self.known.append(deletion_id)
        return deletion_id

    def event(
        self,
        *,
        active: bool = False,
        source: str = "cw",
        company: str = "2",
        age: float | None = None,
        answer: Order = Order.GO,
        **fields: Any,
    ) -> str | None:
        """An event of a client, signed `age` seconds ago or not signed; its deletion, if any."""
        now = self.clock()
        # A sender's clock may run ahead; then now is when it happened.
        signed = None if age is None else min(now - timedelta(seconds=age), now)
        event = Event(self._id("event"), source, company, active, signed, now)
        link = {"integration_type": "manage", "company_id": company}
        request = DeletionRequest(**{"psa": link, "confirm_delete": True, **fields})
        body = {
            "id": event.id,
            "client": company,
            "active": active,
            "signed": signed.isoformat() if signed else None,
            "request": request.model_dump_json(exclude_none=True),
        }
        self.delivered.append(event)
        self._bodies[event.id] = json.dumps(body).encode()
        return self._deliver(event, answer)

    def redeliver(self, index: int, answer: Order = Order.GO) -> str | None:
        """The sender sends an event again."""
        event = self.delivered[index % len(self.delivered)]
        return self._deliver(replace(event, delivered=self.clock()), answer)

    def _deliver(self, event: Event, answer: Order) -> str | None:
        body = self._bodies[event.id]
        return self._take(event, self._intake.accept(event.source, Headers.of({}), body), answer)

    def prove_what_waits(self, answer: Order = Order.GO) -> int:
        """Verify what is due in the quarantine; how many that were."""
        due = self.loop.do(self.ledger.quarantine.take_due(self.clock()))
        for delivery_id, _ in due:
            delivery = self.loop.do(self.ledger.deliveries.get(delivery_id))
            known = {each.id: each for each in self.delivered}
            event = known[json.loads(delivery.body)["id"]]
            received = replace(event, delivered=delivery.received_at)
            self._take(received, self._intake.release(delivery_id), answer)
            if not self._server.exists(self.store.key("delivery", delivery_id)):
                # Nobody could prove it for a day.
                self.watch.unproved[event.source].discard(event.id)
        return len(due)

    def _take(
        self, event: Event, taking: Coroutine[Any, Any, Acknowledged | None], answer: Order
    ) -> str | None:
        """Let the intake do its work, and form an opinion on what came of it."""
        client = self.watch.clients.setdefault((event.source, event.client), Client())
        again, ended = client.knows(event), client.ended
        proved = not self.vendor.out_of_reach
        waiting = self.watch.unproved.setdefault(event.source, set())
        if proved:
            waiting.discard(event.id)
        if not again:
            if proved:
                client.deliver(event)
            else:
                waiting.add(event.id)
        known = set(self.books.ids())
        told = self._served(taking, answer)
        created = [name for name in self.books.ids() if name not in known]
        self.known += created
        for name in created:
            self.watch.born[name] = len(client.events)
            self.watch.faults += self._unasked(client, event, ended, again=again)
            if not proved:
                self.watch.faults.append(f"{event} made a deletion and was not proved")
        return created[0] if created else (told.strongest.deletion_id if told else None)

    @staticmethod
    def _unasked(client: Client, event: Event, ended: str, *, again: bool) -> Iterator[str]:
        if again:
            yield f"{event} came twice and made two deletions"
        if event.active:
            yield f"{event} made a deletion"
        if ended:
            yield f"{event} made a deletion after the last one was {ended}"
        newer = client.outdated(event)
        if newer is not None:
            yield f"{event} made a deletion after {newer}"

    def cancel(self, deletion_id: str, answer: Order = Order.GO) -> None:
        """A person stops a deletion, if that is still possible."""
        before = self.books.deletion(deletion_id)
        error = ErrorEntry("Cancelled", f"by {REQUESTER}", "")
        cancelling = self.ledger.deletions.cancel(
            deletion_id, operator=REQUESTER, error=error, now=self.clock()
        )
        with suppress(Conflict):
            self._served(cancelling, answer)
        self._stopped(before)

    def awaiting(self) -> list[str]:
        """Deletions that wait for a person, oldest first."""
        return [name for name, each in self.books.read().items() if each.state == AWAITING_APPROVAL]

    def approve(
        self, deletion_id: str, *, by: str, force: bool, stale: bool, answer: Order = Order.GO
    ) -> None:
        """A person approves what stands there, or what stood there before."""
        before, now = self.books.deletion(deletion_id), self.clock()
        seen = before.asked.seen if before.asked and not stale else "0" * 64
        approving = self.ledger.approvals.approve(
            before, seen=seen, operator=by, force=force, reason="", now=now
        )
        with suppress(Conflict, RoleMissing):
            self._served(approving, answer)
        granted = self.books.deletion(deletion_id).granted
        if granted is None or before.granted is not None:
            return
        approval = Approval.of(before, by, now, force=force)
        self.watch.approvals[deletion_id] = approval
        for fault in improper(before, approval, stale=stale):
            self.watch.faults.append(f"{by} approved {deletion_id}: {fault}")

    def reject(self, deletion_id: str, *, by: str, answer: Order = Order.GO) -> None:
        """A person rejects what waits."""
        before = self.books.deletion(deletion_id)
        error = ErrorEntry("Cancelled", f"rejected by {by}", "")
        rejecting = self.ledger.approvals.reject(
            deletion_id, operator=by, reason="no", error=error, now=self.clock()
        )
        with suppress(Conflict):
            self._served(rejecting, answer)
        self._stopped(before)

    def _stopped(self, before: Deletion) -> None:
        """Form an opinion on what became of a deletion that a person wanted to stop."""
        if before.terminal or self.books.deletion(before.id).state != CANCELLED:
            return
        self.watch.stopped.add(before.id)
        client = self.watch.clients.get((before.source, before.client))
        if client is not None and client.returned(self.watch.born[before.id]) is None:
            client.ended = "stopped by a person"

    def replay(self, deletion_id: str, answer: Order = Order.GO) -> None:
        """A person begins a deletion anew, if that may be."""
        before = self.books.deletion(deletion_id)
        replaying = self.ledger.deletions.replay(
            deletion_id,
            operator=REQUESTER,
            token=self._id("event"),
            callback_url="https://rewst.example.com/hook",
            overrule=True,
            now=self.clock(),
        )
        with suppress(Conflict):
            self._served(replaying, answer)
        anew = self.books.deletion(deletion_id).generation - before.generation
        if not anew:
            return
        self.watch.faults += self._unreplayable(before, anew)
        self.watch.begun_anew(deletion_id, self.clock())
        client = self.watch.clients.get((before.source, before.client))
        if client is not None:
            client.ended = ""

    def _unreplayable(self, before: Deletion, anew: int) -> Iterator[str]:
        if anew != 1:
            yield f"{before.id} began anew {anew} times at once"
        client = self.watch.clients.get((before.source, before.client))
        if client is None:
            return
        back = client.returned(self.watch.born[before.id])
        if back is not None:
            yield f"{before.id} began anew, though its client is active again: {back}"
        if client.ended == "deleted":
            yield f"{before.id} began anew, though its client was deleted"

    def _served(self, work: Coroutine[Any, Any, T], answer: Order) -> T | None:
        """The service's own work, with this misfortune; `None` if its answer is lost."""
        self.store.misfortune = answer
        try:
            return self.loop.do(work)
        except ConnectionLost:
            assert answer is Order.LOSE
            return None
        finally:
            self.store.misfortune = Order.GO

    # -- meddling --------------------------------------------------------------------------------

    def forward(self, **by: float) -> None:
        """Time passes."""
        self.loop.forward(timedelta(**by))
        self.reap()

    def to_next_due(self) -> None:
        """Time passes until something is due."""
        scores: list[float] = []
        for parts in (("due",), ("quarantine", "due")):
            first: Any = self._server.zrange(self.store.key(*parts), 0, 0, withscores=True)
            scores += [score for _, score in first]
        if scores:
            self.forward(seconds=max(0.001, min(scores) / 1000 - self.clock().timestamp()))

    def everything_due(self) -> list[str]:
        """One round of the scheduler, and its jobs one after another."""
        due = self.loop.do(self.ledger.deletions.take_due(self.clock()))
        names = [name for name, _ in due]
        for name in names:
            self.work(name)
        return names

    def pause(self, *, paused: bool) -> None:
        """The switch that stops every call."""
        switch, now = self.ledger.stop_switch, self.clock()
        if paused:
            self.loop.do(switch.pause(REQUESTER, "a look first", now))
        else:
            self.loop.do(switch.resume(REQUESTER, "", now))
        self.watch.paused = paused

    def protect(self, org_id: str, *, protected: bool) -> None:
        """A person's word on an organization; another protection may outlast its end."""
        protections, now = self.ledger.protections, self.clock()
        if protected:
            held = protections.protect(org_id, now, how="api", by=REQUESTER, reason="they pay")
            self.loop.do(held)
            self.watch.protected.add(org_id)
        else:
            with suppress(NotFound):
                self.loop.do(
                    protections.unprotect(org_id, now, operator=REQUESTER, reason="they left")
                )
            self.watch.protected.discard(org_id)

    def reconfigure(self, **policy: Any) -> None:
        """The workers are started anew with another policy; what runs keeps its own."""
        self.settings = self._configured(policy)
        self.watch.configured_at = self.clock()

    # -- judging ---------------------------------------------------------------------------------

    def check(self) -> Mapping[str, Deletion]:
        """Whether everything is still as it must be; every deletion.

        Raises:
            Broken: it is not.
        """
        self._date_exports()
        faults = [*self.watch.faults, *self.watch.overlapping()]
        faults += self.books.faults(self.clock())
        faults += self.watch.unreported(self.books.newest)
        if faults:
            raise Broken("\n".join(faults))
        return self.books.newest

    def _date_exports(self) -> None:
        """Files are as old as the test's clock says."""
        now = self.clock().timestamp()
        for path in self.folder.glob("*.zip"):
            if str(path) not in self._dated:
                self._dated.add(str(path))
                os.utime(path, (now, now))

    def finish(self) -> None:
        """Nothing goes wrong any more: everything ends; then the killed workers come back.

        Raises:
            Broken: something does not end, or a worker that was away does harm.
        """
        self.account.calm()
        self.pause(paused=False)
        self.vendor.out_of_reach = False
        for job in [each for each in self.jobs if each.stopped_at is not None]:
            self.kill(job)
        for rounds in range(_MOST_ROUNDS):
            deletions = self.check()
            waiting = self._server.zcard(self.store.key("quarantine", "due"))
            if all(each.terminal for each in deletions.values()) and not waiting:
                break
            if not self.prove_what_waits() + len(self.everything_due()):
                self.to_next_due()
            # Late looks must do as well as punctual ones, and end the waiting in fewer rounds.
            if rounds % 20 == 19:
                self.forward(minutes=rounds)
        else:
            raise Broken(f"after {_MOST_ROUNDS} rounds: {deletions}")
        for job in self.killed:
            job.resume(Order.GO)
            self.check()
        self.forward(days=1)
        for job in self.killed:
            self.ended(job)
        self.check()

    def close(self) -> None:
        for job in (*self.jobs, *self.killed):
            job.bury()
        self.loop.shut()


@contextmanager
def rehearsing(server: "redis.Redis", folder: Path) -> Iterator[Rehearsal]:
    """A rehearsal with an empty ledger and a fresh account."""
    it = Rehearsal(server, folder)
    with (
        patch("httpx._client.AsyncHTTPTransport", lambda *_args, **_options: it.wire),
        patch("workers.intake.VENDORS", {VENDOR: it.vendor}),
    ):
        try:
            yield it
        finally:
            it.close()
