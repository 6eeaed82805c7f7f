"""The pipeline, its ledger and IT Glue in one thread, and everything that can happen to them."""

import hashlib
import json
import os
from collections.abc import Container, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import patch

import redis
from httpx._urlparse import urlparse
from redis.exceptions import ConnectionError as ConnectionLost

from adapters.clients import known_as
from adapters.errors import Conflict, NotFound, RoleMissing
from adapters.headers import Headers
from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.in_process import URL
from tests.support.ledgers import ALWAYS
from tests.support.rehearsal import RELAXED
from tests.support.stateful.account import ELSEWHERE, Account
from tests.support.stateful.books import Books
from tests.support.stateful.clients import Client, Event
from tests.support.stateful.crew import Broken, Crew
from tests.support.stateful.job import Order
from tests.support.stateful.lines import WatchedStore, Wire
from tests.support.stateful.loop import MovedLoop
from tests.support.stateful.people import REQUESTER, Approval, improper
from tests.support.stateful.psa import StandIn
from tests.support.stateful.sender import SOURCES, KeyServer, vendors
from tests.support.stateful.watch import Watch
from tests.support.stateful.words import folded
from workers.audit.in_force import policy_digest
from workers.bulk.catch_up.compared import SETTLED
from workers.bulk.catch_up.walk import Way, advance_catch_up
from workers.intake.intake import Acknowledged, Intake
from workers.intake.signing_keys import SigningKeys
from workers.ledger.deleting.deletions import Anew
from workers.ledger.events.catch_ups import id_of
from workers.ledger.events.deliveries import Receipt
from workers.ledger.installation.account import AccountChanged
from workers.ledger.installation.memory import Memory
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.states import AWAITING_APPROVAL, CANCELLED
from workers.processes.queue import QUEUE_KEY
from workers.psa.companies import Asked
from workers.psa.company import Company
from workers.settings import Settings
from workers.upkeep.continuity import Continuity
from workers.upkeep.witness import Witnesses

# Shorter windows than the defaults, so that a deletion that waits ends within few looks.
WINDOWS = {
    "verify_window": "1h",
    "eligibility_window": "2h",
    "export_timeout": "1h",
    "approval_ttl": "1h",
}
_MOST_ROUNDS = 400

_addresses = lru_cache(maxsize=4096)(urlparse)

T = TypeVar("T")


class Rehearsal(Crew):
    """Ask, deliver, work, meddle; `check` after every step, `finish` in the end."""

    def __init__(self, server: "redis.Redis", folder: Path) -> None:
        server.flushdb()
        start = server.info("server")["run_id"]
        founded: Any = {"id": "rehearsed", "server": start, "server_at": 0, "heard_at": ALWAYS}
        server.hset("unglue:ledger", mapping=founded)
        server.set("unglue:running", 0)
        clock = TestClock()
        self.account = Account(clock)
        self.books = Books(server)
        self.watch = Watch(self.account, self.books)
        self.account.arriving = self.watch.arriving
        self.account.misled = self.watch.misled
        self.wire = Wire(self.account, self.watch, lambda name: self.books.deletion(name).step)
        self.folder = folder
        self.base: Mapping[str, Any] = {
            "export": False,
            "export_dir": str(folder),
            **RELAXED,
            **WINDOWS,
        }
        self.vendor = KeyServer()
        self.vendors = vendors(self.vendor)
        self._policy: Mapping[str, Any] = {}
        self._sources: Mapping[str, Any] = SOURCES
        settings = self._configured()
        worker = settings.worker
        self.store = WatchedStore(
            server,
            self.watch,
            queue_key=QUEUE_KEY,
            lease=worker.lease,
            requeue_after=worker.requeue_after,
            retention=timedelta(days=settings.retention_days),
            memory=Memory("rehearsed"),
            own_clock=True,
        )
        psa = StandIn(clock, told=self.watch.psa_said)
        super().__init__(Ledger(self.store, base_url=URL), clock, MovedLoop(clock), psa)
        self.continuity = Continuity(
            self.ledger, Witnesses((), writes=False), self.clock, "service"
        )
        self._copy: Mapping[bytes, bytes] = {}
        self._copied_unclear: Mapping[str, Event] = {}
        self._copied = self.watch.copied()
        self._bind()
        self._dated: set[str] = set()
        self.known: list[str] = []
        self.delivered: list[Event] = []
        self.late: list[tuple[str, Company]] = []
        self._bodies: dict[str, bytes] = {}
        self._server = server
        self._ids = {kind: count(1) for kind in ("del", "dlv", "event")}
        self.left: Settings | None = None
        self._begin_with(settings)

    def _bind(self) -> None:
        """The first look at the account; a person sees to it that it is ours."""
        account, now = self.ledger.account, self.clock()
        self.loop.do(account.require_ours(now))
        try:
            self.loop.do(account.recognise("101", now))
        except AccountChanged:
            # An emptied ledger took the other one for ours.
            self.loop.do(account.accept(REQUESTER, now))

    def _begin_with(self, settings: Settings) -> None:
        """Start service and workers with this file."""
        self.settings = self.watch.decided.settings = settings
        self.watch.configured_at = self.clock()
        self._say_in_force()
        self.intake = Intake(
            sources=settings.sources,
            deliveries=self.ledger.deliveries,
            quarantine=self.ledger.quarantine,
            keys=cast("SigningKeys", None),  # nothing here is signed
            callback_url="https://rewst.example.com/hook",
            max_event_age=settings.policy.max_event_age,
            clock=self.clock,
            new_id=self._id,
        )
        self.intake.mode = settings.policy.mode

    def _say_in_force(self) -> None:
        digest = policy_digest(self.settings)
        self.loop.do(self.ledger.in_force.started("service", digest, self.clock()))

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids[kind])}"

    def _configured(self) -> Settings:
        settings = Settings(
            itglue={"base_url": URL, "api_key": self.account.sandbox.settings.api_key},
            policy={**self.base, **self._policy},
        )
        sources = {
            name: self.vendors[table["vendor"]].config.model_validate(table)
            for name, table in self._sources.items()
        }
        return settings.model_copy(update={"sources": sources})

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
            mode=self.settings.policy.mode,
        )
        self.watch.decided.born(deletion_id, self.settings.policy.mode)
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
        garbled: str = "",
        **fields: Any,
    ) -> str | None:
        """An event of a client, signed `age` seconds ago or not signed; its deletion, if any.

        It can be `garbled`: so that the client's "status" cannot be read, or "everything".
        """
        kind = {"cw": "manage", "at": "autotask"}[source]
        link = {"integration_type": kind, "company_id": company}
        name = fields.get("org_name")
        return self._say(
            Event(self._id("event"), source, company, active, self._signed(age), self.clock(),
                  (f"{kind}:{company}",), name, garbled=garbled,
                  dry=fields.get("dry_run", False)),
            (company,), {"psa": link, "confirm_delete": True, **fields}, answer,
        )  # fmt: skip

    def named_event(
        self,
        *,
        active: bool,
        source: str = "std",
        org_id: int | None = None,
        name: str | None = None,
        company: str | None = None,
        number: str | None = None,
        age: float | None = None,
        answer: Order = Order.GO,
        **fields: Any,
    ) -> str | None:
        """An event of a sender that names its clients by whatever it knows of them."""
        said: dict[str, str | None] = {
            "psa": f"manage:{company}" if company else None,
            "org": str(org_id) if org_id else None,
            "id": number,
        }
        clients = known_as(name=name, **said)
        request: dict[str, Any] = {"confirm_delete": source == "std", **fields}
        if name:
            request["org_name"] = name
        if org_id:
            request["org_id"] = str(org_id)
        if company:
            request["psa"] = {"integration_type": "manage", "company_id": company}
        forms = [f"manage:{company}"] if company else []
        forms += [f"org:{org_id}"] if org_id else []
        forms += [f"name:{folded(name)}"] if name else []
        return self._say(
            Event(self._id("event"), source, clients[0], active, self._signed(age), self.clock(),
                  tuple(forms), name),
            clients, request, answer,
        )  # fmt: skip

    def _signed(self, age: float | None) -> datetime | None:
        """A sender's clock may run ahead; then now is when it happened."""
        now = self.clock()
        return None if age is None else min(now - timedelta(seconds=age), now)

    def _say(
        self, event: Event, clients: Sequence[str], request: dict[str, Any], answer: Order
    ) -> str | None:
        body = {
            "id": event.id,
            "clients": clients,
            "name": event.name,
            "active": event.active,
            "garbled": event.garbled,
            "signed": event.signed.isoformat() if event.signed else None,
            "request": DeletionRequest(**request).model_dump_json(exclude_none=True),
        }
        raw = json.dumps(body).encode()
        event = replace(event, content=hashlib.sha256(raw).hexdigest())
        self.delivered.append(event)
        self._bodies[event.content] = raw
        return self._deliver(event, answer)

    def redeliver(self, index: int, answer: Order = Order.GO) -> str | None:
        """The sender sends an event again."""
        event = self.delivered[index % len(self.delivered)]
        return self._deliver(replace(event, delivered=self.clock()), answer)

    def reuse(self, index: int, age: float | None, answer: Order = Order.GO) -> str | None:
        """The sender says the opposite under an id that it used before."""
        event = self.delivered[index % len(self.delivered)]
        before = json.loads(self._bodies[event.content])
        request = json.loads(before["request"])
        return self._say(
            replace(event, active=not event.active, signed=self._signed(age),
                    delivered=self.clock(), dry=event.active and request.get("dry_run", False)),
            before["clients"], request, answer,
        )  # fmt: skip

    def _deliver(self, event: Event, answer: Order) -> str | None:
        if not self._reads(event.source):
            return None  # 404, or 401
        body = self._bodies[event.content]
        return self._take(event, self.intake.accept(event.source, Headers.of({}), body), answer)

    def _reads(self, source: str) -> bool:
        """Whether the source is configured, and as the vendor that it is."""
        config = self.settings.sources.get(source)
        return config is not None and config.vendor == SOURCES[source]["vendor"]

    def prove_what_waits(self, answer: Order = Order.GO) -> int:
        """Verify what is due in the quarantine; how many that were."""
        due = self.loop.do(self.ledger.quarantine.take_due(self.clock()))
        for delivery_id, _ in due:
            delivery = self.loop.do(self.ledger.deliveries.get(delivery_id))
            known = {each.content: each for each in self.delivered}
            event = known[hashlib.sha256(delivery.body).hexdigest()]
            # Said once more while it waited, it is as new as that.
            said_at = delivery.last_seen or delivery.received_at
            received = replace(event, delivered=said_at)
            self._take(received, self.intake.release(delivery_id), answer, delivery_id)
            if not self._server.exists(self.store.key("delivery", delivery_id)):
                self.watch.faults.append(f"{event} was lost: it was dropped before it was proved")
        return len(due)

    def _take(
        self,
        event: Event,
        taking: Coroutine[Any, Any, Acknowledged | None],
        answer: Order,
        kept_as: str = "",
    ) -> str | None:
        """Let the intake do its work, and form an opinion on what came of it."""
        client = self.watch.clients.setdefault((event.source, event.client), Client())
        again, ended = client.knows(event), client.ended
        proved = not self.vendor.out_of_reach and self._reads(event.source)
        waiting = self.watch.unproved.setdefault(event.source, set())
        if proved:
            waiting.discard(event.content)
        if not again:
            if not proved:
                waiting.add(event.content)
            else:
                client.deliver(event)
            if proved and not (event.garbled or event.dry):
                self.watch.decided.words.hear(event)
        known = self.watch.states.keys()
        told = self._served(taking, answer)
        if again and proved and event.active and told and told.strongest.verdict != "duplicate":
            # Once more under its id, without a time: as new as now, as far as anyone can tell.
            client.said_again.append(event)
        # What was proved late is put in order by when it came, and in doubt to the safe side.
        at_once = event.delivered == self.clock()
        if told and proved and at_once and not again and self.watch.ledgers == 1:
            self.watch.faults += self._lost(client, event, told.strongest)
        if proved and event.garbled:
            kept: Any = self._server.zrange(self.store.key("deliveries"), 0, -1)
            newest = max(kept, key=lambda each: int(each.decode().partition("_")[2]))
            name = kept_as or (told.delivery_id if told else newest.decode())
            self.watch.decided.words.unclear[name] = event
        created = self._born(event, client, ended, known, again=again)
        if created and not proved:
            self.watch.faults.append(f"{event} made a deletion and was not proved")
        return created[0] if created else (told.strongest.deletion_id if told else None)

    def _born(
        self, event: Event, client: Client, ended: str, known: Container[str], *, again: bool
    ) -> list[str]:
        """The deletions that this event made."""
        created = [name for name in self.watch.states if name not in known]
        self.known += created
        for name in created:
            self.watch.born[name] = len(client.events)
            self.watch.decided.born(name, self.settings.policy.mode, event)
            self.watch.faults += self._unasked(client, event, ended, again=again)
        return created

    def _lost(self, client: Client, event: Event, told: Receipt) -> Iterator[str]:
        if event.garbled or (event.source not in {"cw", "at"} and told.reason == "stale"):
            return  # under another name of the client something newer may have been said
        if event.dry:
            return
        yield from client.unfairly(event, told.verdict, told.reason)
        joined = told.deletion_id if told.reason == "joined" else None
        if joined and self.books.deletion(joined).request.dry_run:
            yield f"{event} was lost: it joined a dry run"

    @staticmethod
    def _unasked(client: Client, event: Event, ended: str, *, again: bool) -> Iterator[str]:
        if again:
            yield f"{event} came twice and made two deletions"
        if event.active:
            yield f"{event} made a deletion"
        if event.source not in {"cw", "at"}:
            return  # what was said under another name of the client may count, too
        if ended:
            yield f"{event} made a deletion after the last one was {ended}"
        newer = client.outdated(event)
        if newer is not None:
            yield f"{event} made a deletion after {newer}"

    # -- what the PSA knows ----------------------------------------------------------------------

    def company_changes(
        self, source: str, company: str, to: str, *, fate: str, answer: Order = Order.GO
    ) -> str | None:
        """Something happens in the PSA; its event is sent, doubled, late or lost."""
        there = self.psa.change(source, company, to)
        if there is None or to == "renamed" or fate == "lost":
            return None
        if fate == "late":
            self.late.append((source, there))
            return None
        found = self._of(source, there, answer)
        return self.redeliver(-1, answer) if fate == "doubled" else found

    def late_event(self, index: int, answer: Order = Order.GO) -> str | None:
        """An event comes that was under way since its company changed."""
        return self._of(*self.late.pop(index % len(self.late)), answer)

    def _of(self, source: str, there: Company, answer: Order) -> str | None:
        assert there.changed_at is not None
        return self.event(
            active=there.active, source=source, company=there.id, answer=answer,
            age=(self.clock() - there.changed_at).total_seconds(), org_name=there.name,
        )  # fmt: skip

    def catch_up(self, source: str, pages: int | None = None, answer: Order = Order.GO) -> None:
        """Ask for what changed, if this source is configured so; it may break off anywhere."""
        config = self.settings.sources.get(source)
        if config is None or not config.catches_up:
            return
        now = self.clock()
        self.loop.do(self.ledger.catch_ups.begin(source, None, now))
        self.psa.followed.setdefault(source, now)
        way = Way(
            self.ledger, cast("Intake", _CaughtUp(self)), cast("Asked", self.psa),
            self.settings, self._nowhere, self.clock,
        )  # fmt: skip
        self.psa.pages, self.store.aimed_at = pages, "record_catch_up"
        self._served(advance_catch_up(id_of(source), way), answer)
        self.psa.pages, self.store.aimed_at = None, ""

    async def _nowhere(self, _deletion_id: str, _number: int) -> None:
        """Jobs begin when the test says so."""

    def learned(self, source: str, company: Mapping[str, Any], known: Container[str]) -> None:
        """What was news counts as what an event of that moment would have said."""
        kind = self.settings.sources[source].integration_type
        event = Event(
            self._id("event"), source, company["id"], company["active"],
            datetime.fromisoformat(company["changed_at"]), self.clock(),
            (f"{kind}:{company['id']}",), company["name"],
        )  # fmt: skip
        client = self.watch.clients.setdefault((source, event.client), Client())
        ended = client.ended
        client.deliver(event)
        self.watch.decided.words.hear(event)
        self._born(event, client, ended, known, again=False)

    def _unmet(self) -> Iterator[str]:
        """Companies that became inactive since their PSA was first asked, without a deletion."""
        for (source, number), there in self.psa.known.items():
            config, since = self.settings.sources.get(source), self.psa.followed.get(source)
            at = there.changed_at
            if config is None or not config.catches_up or since is None or at is None:
                continue
            client = self.watch.clients.get((source, number), Client())
            if there.active or at < since or client.ended:
                continue
            # A source's clients of one name are taken for one, and in doubt it is active.
            if any(
                each.active
                and each.source == source
                and (each.client == number or folded(each.name or "") == folded(there.name))
                and (each.signed or each.delivered) >= at
                for each in self.watch.decided.words.said
            ):
                continue
            # An event that says the same within two minutes is taken for the same.
            enough = at - timedelta(minutes=2)
            if not any(
                (each.source, each.client) == (source, number)
                and not each.request.dry_run
                and (each.finished_at is None or each.finished_at >= enough)
                for each in self.books.newest.values()
            ):
                yield f"{there} of {source} was lost: no deletion of it was open since"

    def dismiss(self, index: int) -> None:
        """A person says that something unreadable was of no concern."""
        unclear = self.watch.decided.words.unclear
        name = list(unclear)[index % len(unclear)]
        del unclear[name]
        self._dismiss([name])

    def _dismiss(self, names: Sequence[str]) -> None:
        self.loop.do(
            self.ledger.deliveries.dismiss(
                names, operator=REQUESTER, reason="seen", now=self.clock()
            )
        )

    def _dismiss_what_nobody_proves(self) -> None:
        """Of sources that are configured no more, or as another vendor."""
        for source in [each for each in SOURCES if not self._reads(each)]:
            kept: Any = self._server.hvals(self.store.key("quarantine", source))
            self._dismiss([name.decode() for name in kept])
            self.watch.unproved.pop(source, None)

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
        """Deletions that waited for a person at the last `check`, oldest first."""
        return [n for n, each in self.books.newest.items() if each.state == AWAITING_APPROVAL]

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
        order = self.watch.decided.planned.get(deletion_id, 0)
        approval = Approval.of(before, by, now, force=force, order=order)
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
        if before.request.dry_run:
            return
        if before.plan is not None:
            org_id = int(before.plan.organization.id)
            self.watch.decided.words.refuse(org_id, before.source, before.client)
        client = self.watch.clients.get((before.source, before.client))
        if client is not None and client.returned(self.watch.born[before.id]) is None:
            client.end("stopped by a person", self.clock())

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
            asked=Anew(self.settings.policy.mode),
        )
        with suppress(Conflict):
            self._served(replaying, answer)
        anew = self.books.deletion(deletion_id).generation - before.generation
        if not anew:
            return
        self.watch.faults += self._unreplayable(before, anew)
        self.watch.begun_anew(deletion_id, self.clock(), self.settings.policy.mode)
        client = self.watch.clients.get((before.source, before.client))
        if client is not None:
            client.end("")

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
        due = self.loop.do(self.ledger.deletions.hand_out(self.clock())).jobs
        names = [name for name, _ in due]
        for name in names:
            self.work(name)
        return names

    def pause(self, *, paused: bool) -> None:
        """The switch that stops every call."""
        switch, now = self.ledger.stop_switch, self.clock()
        if paused:
            self.loop.do(switch.pause(REQUESTER, "a look first", now))
            self.watch.paused = True
        else:
            # Not while another account answers, or the ledger is another one.
            with suppress(Conflict):
                self.loop.do(switch.resume(REQUESTER, "", now))
                self.watch.paused = False

    def keep_copy(self) -> None:
        """Somebody copies the data of the server."""
        names: Any = self._server.keys("*")
        with self._server.pipeline(transaction=False) as reads:
            for name in names:
                reads.dump(name)
            self._copy = dict(zip(names, reads.execute(), strict=True))
        self._copied_unclear = dict(self.watch.decided.words.unclear)
        self._copied = self.watch.copied()

    def lose_ledger(self, *, copy: bool) -> None:
        """The server is emptied, or the copy comes back."""
        mark = self._server.lrange(self.store.key("audit", "tips"), -1, -1)
        self.forgotten |= set(self.known)
        # What was decided until now was seen.
        self.loop.do(self.continuity.look())
        with self._server.pipeline(transaction=False) as writes:
            writes.flushdb()
            for name, value in (self._copy if copy else {}).items():
                writes.restore(name, 0, value)
            # The service looks every second, whatever the clock of the rehearsal says.
            writes.hset("unglue:ledger", "heard_at", ALWAYS)
            writes.execute()
        self.books.stale = True
        same = copy and self._server.lrange(self.store.key("audit", "tips"), -1, -1) == mark
        if same and self.watch.decided.lost_after is None:
            self.watch.states = self.books.states()
            # Nothing was decided since; somebody may have been reminded.
            self.books.begin_anew()
            return
        self.known = self.books.ids()
        self.psa.followed.clear()
        self.watch.decided.words.unclear = dict(self._copied_unclear) if copy else {}
        self.watch.another_ledger(*(deepcopy(self._copied) if copy else ({}, {})))

    def accept_ledger(self) -> None:
        """A person compared it with what there is, the account too, and accepts it.

        The service then says again what is in force, before it takes anything in.
        """
        self.loop.do(self.continuity.look())
        self.account.changed = False
        self._bind()
        # It took a moment: what was asked for until now was asked for before.
        self.forward(seconds=0.001)
        switch, now = self.ledger.stop_switch, self.clock()
        with suppress(Conflict):
            self.loop.do(switch.resume(REQUESTER, "compared", now, accept_ledger=True))
            self.watch.paused = False
            if self.watch.decided.lost_after is not None:
                self.watch.decided.accept(now)
        self.loop.do(self.continuity.look())
        self._say_in_force()

    @property
    def troubled(self) -> bool:
        """Whether a person has to look at the server or the account."""
        return self.account.changed or self.watch.decided.lost_after is not None

    @property
    def second(self) -> Settings:
        """A second installation on the same server, for another account."""
        itglue = self.settings.itglue.model_copy(update={"base_url": ELSEWHERE})
        return self.settings.model_copy(update={"itglue": itglue})

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
                # It ends what somebody said no to, too.
                self.watch.decided.words.noes.pop(int(org_id), None)
            self.watch.protected.discard(org_id)

    def reconfigure(self, **policy: Any) -> None:
        """All parts are started anew with another policy; what runs keeps its own."""
        self._policy = policy
        self._restart()

    def trust(self, **sources: Any) -> None:
        """The same with other sources: `None` removes one, a mapping changes it."""
        self._sources = {
            name: {**table, **(sources.get(name) or {})}
            for name, table in SOURCES.items()
            if sources.get(name, {}) is not None
        }
        self._restart()

    def _restart(self) -> None:
        self.left = self.settings
        self._begin_with(self._configured())

    # -- judging ---------------------------------------------------------------------------------

    def check(self) -> Mapping[str, Deletion]:
        """Whether everything is still as it must be; every deletion. Raises Broken: it is not."""
        self._date_exports()
        if self.troubled:
            self.loop.do(self.continuity.look())
        faults = [*self.watch.faults, *self.watch.overlapping()]
        faults += self.books.faults(self.clock())
        faults += self.watch.strayed()
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
        self.accept_ledger()
        self.vendor.out_of_reach = False
        for job in [each for each in self.jobs if each.stopped_at is not None]:
            self.kill(job)
        self._catch_up_at_last()
        for rounds in range(_MOST_ROUNDS):
            deletions = self.check()
            while self.watch.decided.words.unclear:
                self.dismiss(0)
            self._dismiss_what_nobody_proves()
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
        self.watch.faults += self._unmet()
        for job in self.killed:
            job.resume(Order.GO)
            self.check()
        self.forward(days=1)
        for job in self.killed:
            self.ended(job)
        self.check()

    def _catch_up_at_last(self) -> None:
        """The PSAs answer, and changes are settled. Twice: the first run may be an old one."""
        self.psa.away = None
        self.forward(seconds=SETTLED.total_seconds() + 1)
        for source in ("cw", "at", "cw", "at"):
            self.catch_up(source)
        self.check()

    def close(self) -> None:
        for job in (*self.jobs, *self.killed):
            job.bury()
        self.loop.shut()


@dataclass(frozen=True)
class _CaughtUp:
    """The intake for what a PSA said, with an opinion on what comes of it."""

    it: Rehearsal

    async def catch_up(self, source: str, company: Mapping[str, Any]) -> Receipt | None:
        known = self.it.watch.states.keys()
        receipt = await self.it.intake.catch_up(source, company)
        if receipt is not None:
            self.it.learned(source, company, known)
        return receipt


@contextmanager
def rehearsing(server: "redis.Redis", folder: Path) -> Iterator[Rehearsal]:
    """A rehearsal with an empty ledger and a fresh account."""
    it = Rehearsal(server, folder)
    with (
        patch("workers.intake.intake.VENDORS", it.vendors),
        patch("httpx._client.AsyncHTTPTransport", lambda *_args, **_options: it.wire),
        patch("workers.itglue.http.transport.connections", lambda _tls: it.wire),
        # A sixth of the time: the same few addresses again and again, and no cookies at all.
        patch("httpx._urls.urlparse", _addresses),
        patch("httpx._urlparse.urlparse", _addresses),
        patch("httpx._client.Cookies.extract_cookies", lambda *_: None),
    ):
        try:
            yield it
        finally:
            it.close()
