"""Random sequences of everything that can happen, and an independent judge after every step.

A failure prints the shortest sequence that still fails, as calls of the rules below; each is a
thin layer over `tests/support/stateful/rehearsal.py`, so it can be kept as a plain test.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from adapters.errors import PsaAnswerUnreadable, PsaError, PsaRefused, PsaUnreachable
from service.sandbox.shapes import Psa
from tests.support.rehearsal import NO_LIMITS
from tests.support.stateful.driver import among
from tests.support.stateful.job import Order, Stop
from tests.support.stateful.rehearsal import Rehearsal, rehearsing

MOST_JOBS = 3

# Those that may go stand first and most often.
ORGANIZATIONS = (301,) * 6 + (311,) * 3 + (310, 308, 309, 302, 313, 303, 304, 306, 307, 202, 101)
NAMES = {
    301: "TestCompany",
    302: "Paper Moon Cinema",
    308: "Saffron Bicycle Repair",
    310: "Moss, Fern and Partners",
    311: "Velvet Anchor Laundry",
}
NAMED = (301, 311, 301, 310, 308, 302)
LINKED = {"2": 301, "21": 302, "25": 308, "27": 310}
COMPANIES = ("2", "2", "2", "2", "25", "25", "27", "26", "21", "12", "23", "99")
PSAS = ("cw", "cw", "cw", "at")
# What a sender that names its clients says of one, beside the name.
FORMS = (("name",), ("name",), ("org", "name"), ("org",), ("link", "name"))
TRUST: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"cw": None},
    {"cw": {"confirm_delete": False}},
    {"cw": {"vendor": "by_anything"}},
    {"cw": {"approval": "always"}, "std": {"confirm_delete": False}},
    {"std": None, "nj": None},
    {"at": None},
)
ASKED: dict[str, Any] = {"api": {}}
TRUST += ({"cw": ASKED}, *[{"cw": ASKED, "at": ASKED}] * 3)
# With which file it begins.
AT_FIRST = (TRUST[0], TRUST[-1])
MOSTLY = (True,) * 9 + (False,)
SELDOM = (False,) * 9 + (True,)
INDEX = range(8)
EITHER = (False, True)
APPROVERS = ("bob", "bob", "bob", "alice")
ANSWERS = (Order.GO,) * 8 + (Order.REPEAT, Order.LOSE)
ORDERS = (Order.GO, Order.GO, Order.LOSE, Order.REPEAT)

POINTS = (
    "begin_delete:before", "begin_delete:after", "budget:before", "budget:after",
    "DELETE:before", "DELETE:after", "PATCH:before", "PATCH:after", "record:before",
    "record:after", "lease:before", "lease:after", "show@delete:before", "show@delete:after",
    "show@soft_delete:after", "show@verify:after", "show@unanswered:after", "list:before",
    "list:after", "read:after", "POST:after", "show@plan:after", "psa:before", "psa:after",
    "psa:after",
)  # fmt: skip
SOME_STOPS = tuple(Stop(point, skip) for point in POINTS for skip in (0, 0, 0, 1, 2))
STOPS = (*[None] * (len(SOME_STOPS) // 2), *SOME_STOPS)
SECONDS = (0.001, 1, 3, 16, 31, 61, 119, 121, 300, 601, 1200, 3700, 8000, 90000)
AGES = (None, None, None, None, 0, 0.5, 1, 60, 61, 7200, 8 * 86400, -60)

FAULTS = (
    "lag=30", "lag=1500", "lag=20000", "accept-and-do-nothing", "accept-and-do-nothing:1",
    "refuse-synced", "refuse-synced:1", "recreate-after-sync=5", "ignore-filters",
    "wrong-organization", "wrong-organization:1", "wrong-organization@GET /organizations",
    "wrong-organization@DELETE /organizations", "rename-before-delete=1", "rename-before-delete=2",
    "recreate-before-delete=1", "recreate-before-delete=2", "html:1", "html@DELETE:1",
    "html@GET /organizations/*:1", "html@GET /organizations", "429:1", "429=7:2", "429@DELETE:1",
    "drop-before", "drop-before:1", "drop-before@GET:2", "drop-after", "drop-after:1",
    "drop-after@PATCH:1", "partial-page", "partial-page@/organizations", "wrong-typed-ids=swapped",
    "parent-id=array", "parent-id=null", "parent-id=number", "forbid=all,401:1", "forbid=all,403",
    "forbid=all,404", "forbid=organizations,404", "forbid=documents,403", "forbid=documents,404",
    "forbid=configurations,403", "forbid=flexible_assets,422", "forbid=user_metrics,403",
    "forbid=all,500:3", "slow=20000@DELETE:1", "slow=300000@DELETE:1", "slow=40000@GET:2",
    "timeout=60@DELETE:1", "timeout=60@GET:1",
)  # fmt: skip

EDITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("edit", {"status_id": 68}), ("edit", {"status_id": 69}), ("edit", {"status_id": 70}),
    ("edit", {"status_id": None}), ("edit", {"type_id": 87}), ("edit", {"name": "Renamed"}),
    ("edit", {"name": "TestCompany"}), ("edit", {"name": "Velvet Anchor Laundry"}),
    ("edit", {"name": " TestCompany "}), ("edit", {"name": "testcompany"}),
    ("edit", {"quick_notes": "#KEEP"}), ("edit", {"quick_notes": "x" * 300 + " #legal-hold"}),
    ("edit", {"quick_notes": None}), ("edit", {"alert": "#offboarded"}),
    ("edit", {"psa": None}), ("edit", {"psa": Psa("manage", "2")}),
    ("edit", {"psa": Psa("manage", "99")}), ("edit", {"psa": Psa("autotask", "2")}),
    ("edit", {"psa": Psa("manage", "25", synced=False)}), ("edit", {"primary": True}),
    ("edit", {"primary": False}), ("edit", {"my_glue_account_id": 77}),
    ("edit", {"my_glue_account_id": None}), ("edit", {"parent_id": 301}),
    ("edit", {"parent_id": 309}), ("edit", {"parent_id": None}), ("recreate", {}),
    ("link", {"integration": "manage", "company": "99"}),
    ("link", {"integration": "autotask", "company": "2"}),
    ("link", {"integration": "manage", "company": "2"}),
    ("link", {"integration": "", "company": ""}),
    ("succeed", {"linked": True}), ("succeed", {"linked": False}),
    ("vanish", {}), ("fill", {"kind": "configurations"}), ("fill", {"kind": "flexible-assets"}),
    ("fill", {"kind": "documents"}), ("fill", {"kind": "user-metrics"}),
)  # fmt: skip

POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {},
    {},
    {"mode": "preview"},
    {"mode": "soft_delete", "soft_delete_status": "Testing Only"},
    {"mode": "soft_delete", "soft_delete_status": "Testing Only"},
    {"only_ids": ["301", "309"]},
    {"protected_ids": ["301", "311"]},
    {"protected_names": ["*bicycle*", "test*"]},
    {"dependency_limits": NO_LIMITS},
    {"dependency_limits": {**NO_LIMITS, "assets": 5, "configs": 5, "documents": 1}},
    {"approval": "always"},
    {"approval": "always"},
    {"approval": "always", "grace_period": "10m"},
    {"approval": "never"},
    {"grace_period": "90m"},
    {"max_deletions_per_day": 1},
    {"max_deletions_per_day": 1},
    {"max_deletions_per_hour": 1},
    {"max_api_deletions_per_day": 1},
    {"export": True},
    {"export": True, "export_retention_days": 1},
    {"min_idle_days": 30},
    {"required_tags": ["#offboarded"]},
    {"eligible_statuses": []},
    {"eligible_types": ["Customer"]},
    {"block_psa_synced": True},
)


class Everything(RuleBasedStateMachine):
    """Anything, in any order."""

    server: "redis.Redis"
    steps = 0
    examples = 0
    calls = 0
    requests = 0
    moved: ClassVar[set[tuple[str, str, str]]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.well = True
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="unglue-"))
        self.it: Rehearsal = self.stack.enter_context(rehearsing(self.server, Path(folder)))

    @among(first=True, policy=POLICIES, sources=AT_FIRST)
    def begin_with(self, policy: dict[str, Any], sources: dict[str, Any]) -> None:
        self.it.reconfigure(**policy)
        self.it.trust(**sources)

    # -- asking ----------------------------------------------------------------------------------

    @among(
        org_id=ORGANIZATIONS,
        confirm=MOSTLY,
        dry_run=SELDOM,
        force=SELDOM,
        answer=ANSWERS,
        begin=EITHER,
        stop=STOPS,
    )
    def ask_by_id(
        self,
        org_id: int,
        *,
        confirm: bool,
        dry_run: bool,
        force: bool,
        answer: Order,
        begin: bool,
        stop: Stop | None,
    ) -> None:
        deletion_id = self.it.ask(
            org_id=str(org_id),
            confirm_delete=confirm,
            dry_run=dry_run,
            force_delete=force,
            answer=answer,
        )
        self._begin(deletion_id if begin else None, stop)

    @among(
        named=NAMED,
        org_id=(*[None] * 2 * len(ORGANIZATIONS), *ORGANIZATIONS),
        force=SELDOM,
        begin=EITHER,
        stop=STOPS,
    )
    def ask_by_name(
        self, named: int, org_id: int | None, *, force: bool, begin: bool, stop: Stop | None
    ) -> None:
        fields: dict[str, Any] = {} if org_id is None else {"org_id": str(org_id)}
        deletion_id = self.it.ask(org_name=NAMES[named], force_delete=force, **fields)
        self._begin(deletion_id if begin else None, stop)

    @among(
        company=COMPANIES,
        source=PSAS,
        age=AGES,
        named=(None, None, True, True, False),
        confirm=EITHER,
        dry_run=SELDOM,
        answer=ANSWERS,
        begin=EITHER,
        stop=STOPS,
    )
    def client_is_inactive(
        self,
        company: str,
        source: str,
        age: float | None,
        *,
        named: bool | None,
        confirm: bool,
        dry_run: bool,
        answer: Order,
        begin: bool,
        stop: Stop | None,
    ) -> None:
        fields: dict[str, Any] = {"confirm_delete": confirm, "dry_run": dry_run}
        if named is not None:
            fields["org_name"] = NAMES[LINKED.get(company, 308)] if named else "Another Company"
        deletion_id = self.it.event(
            source=source, company=company, age=age, answer=answer, **fields
        )
        self._begin(deletion_id if begin else None, stop)

    @among(company=COMPANIES, source=PSAS, age=AGES, named=EITHER, answer=ANSWERS)
    def client_is_active(
        self, company: str, source: str, age: float | None, answer: Order, *, named: bool
    ) -> None:
        name = {"org_name": NAMES[LINKED.get(company, 308)]} if named else {}
        self.it.event(active=True, source=source, company=company, age=age, answer=answer, **name)

    @among(
        named=NAMED,
        forms=FORMS,
        source=("std", "std", "nj"),
        active=EITHER,
        age=AGES,
        answer=ANSWERS,
        begin=EITHER,
    )
    def somebody_says(
        self,
        named: int,
        forms: tuple[str, ...],
        source: str,
        age: float | None,
        answer: Order,
        *,
        active: bool,
        begin: bool,
    ) -> None:
        said: dict[str, Any] = {"name": NAMES[named] if "name" in forms else None}
        if source == "nj":
            said = {"name": NAMES[named], "number": "7" if "org" in forms else "8"}
        elif "org" in forms:
            said["org_id"] = named
        elif "link" in forms:
            said["company"] = next((c for c, org in LINKED.items() if org == named), "99")
        deletion_id = self.it.named_event(
            active=active, source=source, age=age, answer=answer, **said
        )
        self._begin(deletion_id if begin else None, None)

    @among(lambda self: self.it.delivered, index=INDEX, age=AGES, answer=ANSWERS)
    def says_the_opposite_under_a_used_id(
        self, index: int, age: float | None, answer: Order
    ) -> None:
        self.it.reuse(index, age, answer)

    @among(company=COMPANIES, source=PSAS, garbled=("status", "everything"), answer=ANSWERS)
    def says_what_nobody_can_read(
        self, company: str, source: str, garbled: str, answer: Order
    ) -> None:
        self.it.event(source=source, company=company, garbled=garbled, answer=answer)

    @among(lambda self: self.it.watch.decided.words.unclear, index=INDEX)
    def dismiss(self, index: int) -> None:
        self.it.dismiss(index)

    @among(lambda self: self.it.delivered, index=INDEX, answer=ANSWERS)
    def sent_again(self, index: int, answer: Order) -> None:
        self.it.redeliver(index, answer)

    @among(out_of_reach=EITHER)
    def signing_key(self, *, out_of_reach: bool) -> None:
        self.it.vendor.out_of_reach = out_of_reach

    @among(answer=ANSWERS)
    def prove_what_waits(self, answer: Order) -> None:
        self.it.forward(seconds=10)
        self.it.prove_what_waits(answer)

    @among(lambda self: self.it.known, index=INDEX, answer=ANSWERS)
    def cancel(self, index: int, answer: Order) -> None:
        self.it.cancel(self._pick(self.it.known, index), answer)

    @among(lambda self: self.it.known, index=INDEX, answer=ANSWERS, begin=EITHER, stop=STOPS)
    def replay(self, index: int, answer: Order, *, begin: bool, stop: Stop | None) -> None:
        deletion_id = self._pick(self.it.known, index)
        self.it.replay(deletion_id, answer)
        self._begin(deletion_id if begin else None, stop)

    @among(
        lambda self: self.it.awaiting(),
        index=INDEX,
        by=APPROVERS,
        force=EITHER,
        stale=SELDOM,
        answer=ANSWERS,
        meanwhile=(*[None] * len(EDITS), *EDITS),
    )
    def approve(
        self,
        index: int,
        by: str,
        *,
        force: bool,
        stale: bool,
        answer: Order,
        meanwhile: tuple[str, dict[str, Any]] | None,
    ) -> None:
        chosen = self._pick(self.it.awaiting(), index)
        self.it.approve(chosen, by=by, force=force, stale=stale, answer=answer)
        plan = self.it.books.deletion(chosen).plan
        if meanwhile is not None and plan is not None:
            name, changes = meanwhile
            getattr(self.it.account, name)(int(plan.organization.id), **changes)

    @among(lambda self: self.it.known, index=INDEX, answer=ANSWERS)
    def approve_whatever_its_state(self, index: int, answer: Order) -> None:
        chosen = self._pick(self.it.known, index)
        self.it.approve(chosen, by="bob", force=False, stale=False, answer=answer)

    @among(lambda self: self.it.awaiting(), index=INDEX, by=APPROVERS, answer=ANSWERS)
    def reject(self, index: int, by: str, answer: Order) -> None:
        self.it.reject(self._pick(self.it.awaiting(), index), by=by, answer=answer)

    def _begin(self, deletion_id: str | None, stop: Stop | None) -> None:
        if deletion_id is not None and len(self.it.jobs) < MOST_JOBS:
            self.it.work(deletion_id, stop)

    # -- the PSA ---------------------------------------------------------------------------------

    @among(
        source=PSAS,
        company=COMPANIES,
        to=("inactive", "inactive", "inactive", "active", "active", "renamed", "gone"),
        fate=("sent", "sent", "lost", "late", "doubled"),
        answer=ANSWERS,
        begin=EITHER,
        stop=STOPS,
    )
    def company_changes(
        self,
        source: str,
        company: str,
        to: str,
        fate: str,
        answer: Order,
        *,
        begin: bool,
        stop: Stop | None,
    ) -> None:
        made = self.it.company_changes(source, company, to, fate=fate, answer=answer)
        self._begin(made if begin else None, stop)

    @among(lambda self: self.it.late, index=INDEX, answer=ANSWERS)
    def late_event(self, index: int, answer: Order) -> None:
        self.it.late_event(index, answer)

    @among(away=(None, None, PsaUnreachable, PsaRefused, PsaAnswerUnreadable))
    def psa_answers(self, away: type[PsaError] | None) -> None:
        self.it.psa.away = away

    @among(source=PSAS, pages=(None, None, None, 0, 1, 2), answer=ANSWERS)
    def catch_up(self, source: str, pages: int | None, answer: Order) -> None:
        self.it.catch_up(source, pages, answer)

    # -- working ---------------------------------------------------------------------------------

    @among(lambda self: self.it.known and len(self.it.jobs) < MOST_JOBS, index=INDEX, stop=STOPS)
    def work(self, index: int, stop: Stop | None) -> None:
        self.it.work(self._pick(self.it.known, index), stop)

    @among(
        lambda self: self.it.known and self.it.left and len(self.it.jobs) < MOST_JOBS,
        index=INDEX,
        stop=STOPS,
    )
    def work_by_an_older_file(self, index: int, stop: Stop | None) -> None:
        self.it.work(self._pick(self.it.known, index), stop, self.it.left)

    @among(lambda self: self.it.known and len(self.it.jobs) < MOST_JOBS, index=INDEX, stop=STOPS)
    def work_for_another_account(self, index: int, stop: Stop | None) -> None:
        """A second installation shares the server."""
        self.it.work(self._pick(self.it.known, index), stop, self.it.second)

    @among(lambda self: self.it.jobs, index=INDEX, order=ORDERS, stop=STOPS)
    def resume(self, index: int, order: Order, stop: Stop | None) -> None:
        self.it.resume(self._pick(self.it.jobs, index), order, stop)

    @among(lambda self: self.it.jobs, index=INDEX, kill=EITHER)
    def lose_worker(self, index: int, *, kill: bool) -> None:
        job = self._pick(self.it.jobs, index)
        if kill:
            self.it.kill(job)
        else:
            self.it.time_out(job)

    @among()
    def everything_due(self) -> None:
        self.it.everything_due()

    # -- time and the world ----------------------------------------------------------------------

    @among(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.it.forward(seconds=seconds)

    @among()
    def until_something_is_due(self) -> None:
        self.it.to_next_due()
        self.it.everything_due()

    @among(paused=EITHER)
    def pause(self, *, paused: bool) -> None:
        self.it.pause(paused=paused)

    @among(org_id=ORGANIZATIONS, protected=EITHER)
    def protect(self, org_id: int, *, protected: bool) -> None:
        self.it.protect(str(org_id), protected=protected)

    @among(fault=FAULTS, besides=SELDOM)
    def goes_wrong(self, fault: str, *, besides: bool) -> None:
        if not besides:
            self.it.account.calm()
        self.it.account.fault(fault)

    @among()
    def goes_right(self) -> None:
        self.it.account.calm()

    @among(what=("copy", "copy", "emptied", "restored", "account", "account"))
    def befalls_the_server(self, what: str) -> None:
        """Seldom, for until a person sees to it nothing goes on."""
        match what:
            case "copy":
                self.it.keep_copy()
            case "account":
                self.it.account.changed = True
            case _:
                self.it.lose_ledger(copy=what == "restored")

    @among(lambda self: self.it.troubled)
    def somebody_sees_to_it(self) -> None:
        self.it.accept_ledger()

    @among(org_id=ORGANIZATIONS, edit=EDITS)
    def somebody_edits(self, org_id: int, edit: tuple[str, dict[str, Any]]) -> None:
        name, changes = edit
        if org_id == 101 and (name == "vanish" or "primary" in changes):
            return  # it is what the account is known by: without it nothing goes on, and rightly
        getattr(self.it.account, name)(org_id, **changes)

    @among(policy=POLICIES)
    def reconfigure(self, policy: dict[str, Any]) -> None:
        self.it.reconfigure(**policy)

    @among(sources=TRUST)
    def trust(self, sources: dict[str, Any]) -> None:
        self.it.trust(**sources)

    # -- judging ---------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        Everything.steps += 1
        self.well = False
        self.it.check()
        self.well = True

    def teardown(self) -> None:
        Everything.examples += 1
        with self.stack:
            if self.well:
                self.it.finish()
            Everything.moved |= self.it.watch.moved
            Everything.calls += self.it.watch.calls
            Everything.requests += self.it.watch.requests

    @staticmethod
    def _pick(things: list[Any], index: int) -> Any:
        return things[index % len(things)]


@contextmanager
def machine(server: "redis.Redis") -> Iterator[type[Everything]]:
    """The machine on this server."""
    Everything.server = server
    yield Everything


QUICK = settings(
    max_examples=30,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)


def test_nothing_wrong_is_ever_deleted(valkey_url: str) -> None:
    server = redis.Redis.from_url(valkey_url)
    with server, machine(server) as everything:
        run_state_machine_as_test(everything, settings=QUICK)
