"""The forms of the API's answers: what its description tells, and what the routes answer with."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
)

from workers.itglue.models import AccountView
from workers.itglue.models import Organization as ITGlueOrganization
from workers.pipeline.plan import Activity, Answer
from workers.settings.schedules import Schedule
from workers.times.clock import precise, rfc3339

Details = dict[str, JsonValue]
_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
Time = Annotated[AwareDatetime, PlainSerializer(rfc3339), _TIME]
# To the millisecond, as records are kept: in whole seconds a list would leave some out.
PreciseTime = Annotated[AwareDatetime, PlainSerializer(precise), _TIME]
# A record's text; null in the answer where the record has none.
Text = Annotated[str | None, BeforeValidator(lambda text: text or None)]


class Form(BaseModel):
    """An answer has these fields, all of them, and no other."""

    # Built when the first of them is answered, not while the service starts.
    model_config = ConfigDict(extra="forbid", from_attributes=True, defer_build=True)

    @classmethod
    def about(cls, record: object, **other: Any) -> Self:  # noqa: ANN401 - fields of any type, which are checked
        """The answer about a record: each field as the record names it, or as it is given here."""
        own = {name: getattr(record, name) for name in cls.model_fields if name not in other}
        return cls.model_validate({**own, **other})

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")


class Error(Form):
    """One error. `code` is what programs match on, `message` what people read."""

    code: str
    message: str
    timestamp: Time


class Errors(Form):
    """What every refusal is."""

    errors: list[Error] = Field(min_length=1)


class Pause(Form):
    """Why everything stands still; `by` is null where no person said it."""

    cause: str
    by: Text
    at: Time
    reason: str


class Paused(Form):
    """Whether deletions stand still, and why."""

    paused: bool
    pauses: list[Pause]


class Resumed(Paused):
    """The same after `resume`; `ended` is what had been paused."""

    ended: list[Pause]


class DependencyCheck(Form):
    """What hung on the organization. Null: it could not be counted."""

    assets_found: int | None
    configs_found: int | None
    documents_found: int | None
    blocked: bool
    other: dict[str, int | None]


class Export(Form):
    """The file that the export is in."""

    file: str
    size: int | None
    sha256: str | None


class Granted(Form):
    """Who approved it."""

    by: str
    at: Time
    reason: Text
    force_delete: bool


class Head(Form):
    """An entry of the audit log that nothing before it can be changed without."""

    seq: int
    hash: str


class ResultDetails(Form):
    """How it came about. `would_delete` is for dry runs, null for anything else."""

    deletion_id: str
    state: str
    source: str
    delivery_id: str | None
    mode: str | None
    reason: str | None
    actor: str | None
    export: Export | None
    plan_digest: str | None
    request_count: int
    generation: int
    audit_head: str | Head | None
    approval: Granted | None
    would_delete: bool | None


class Result(Form):
    """The result of a deletion: in answers, and as the body that is sent to the callback URL."""

    success: bool
    org_id: str | None
    org_name: str | None
    deleted: bool
    timestamp: Time
    dependency_check: DependencyCheck
    warnings: list[str]
    errors: list[Error]
    details: ResultDetails


class JudgedPlan(Form):
    """What would be deleted, what hangs on it (null: not counted), and what each gate says."""

    made_at: Time
    organization: ITGlueOrganization
    counts: dict[str, int | None]
    sub_organizations: list[str] | None
    answers: list[Answer]
    warnings: list[str]
    activity: Activity | None
    act: Details
    word: Details
    account: AccountView | None
    digest: str


class ApprovalState(Form):
    """What was asked of an approver, and what was said to it."""

    wanted: bool
    why: str
    asked_at: Time
    until: Time
    digest: str | None
    needs_force_delete: bool
    moved: list[str]
    by: str | None
    at: Time | None
    reason: str | None
    force_delete: bool


class Grace(Form):
    """The time in which it can still be stopped."""

    since: Time
    until: Time


class Earlier(Form):
    """An earlier generation, as it ended."""

    generation: int
    state: str
    finished_at: Time
    replayed_by: Text
    errors: list[Error]
    result: Result


class Deletion(Form):
    """One deletion, with everything that is known of it. `result` once it ended."""

    id: str
    state: str
    generation: int
    source: str
    delivery_id: Text
    actor: Text
    created_at: Time
    updated_at: Time
    due_at: Time | None
    waits_for: str | None
    approvers: list[str]
    request: Details
    plan: JudgedPlan | None
    approval: ApprovalState | None
    errors: list[Error]
    approval_url: str | None
    grace: Grace | None
    journal: list[Details]
    result: Result | None
    callbacks: list["ResultRow"]
    history: list[Earlier]


class DeletionRow(Form):
    """A deletion in a list.

    `would_delete` is for dry runs that ended, null for anything else; `stopped_by` names the gates
    that would block, or ask a person.
    """

    id: str
    state: str
    source: str
    org_id: str | None
    org_name: str | None
    dry_run: bool
    actor: Text
    created_at: Time
    updated_at: Time
    due_at: Time | None
    waits_for: str | None
    approvers: list[str]
    would_delete: bool | None
    stopped_by: list[str]
    errors: list[Error]


class DeletionList(Paused):
    """Newest first. `next_until` as `until` continues with older ones."""

    deletions: list[DeletionRow]
    next_until: PreciseTime | None


class Dismissed(Form):
    """Who said that a delivery need not hold anything."""

    by: str
    at: Time
    reason: str


class DeliveryRow(Form):
    """A delivery in a list."""

    id: str
    source: str
    vendor: str
    received_at: Time
    verdict: str
    reason: str
    deletion_id: str | None
    bytes: int
    body_dropped: bool
    caught_up: bool
    repeats: int
    last_seen: Time | None
    events: list[Details]
    generation: int
    dismissed: Dismissed | None
    history: list[Details]


class DeliveryList(Form):
    """Newest first. `next_until` as `until` continues with older ones."""

    deliveries: list[DeliveryRow]
    next_until: PreciseTime | None


class Delivery(DeliveryRow):
    """One delivery as it arrived; what proves it is left out of headers and body."""

    headers: list[tuple[str, str]]
    body: str


class Receipt(Form):
    """What became of one event of a delivery."""

    event_id: str
    verdict: str
    deletion_id: str | None
    reason: str


class Acknowledged(BaseModel):
    """The delivery is durable. `events` only where it held more than one."""

    delivery_id: str
    verdict: str
    deletion_id: str | None
    reason: str
    events: list[Receipt] | None = Field(default=None)


class Held(Form):
    """A delivery that holds deletions: of these clients, or of its source if none is named."""

    delivery_id: str
    source: str
    verdict: Literal["rejected", "unverified"]
    at: Time
    reason: str
    clients: list[str]


class Holds(Form):
    """What holds deletions, by source."""

    at: PreciseTime
    holds: dict[str, list[Held]]


class Dismissals(Form):
    """`refused` says why one was not dismissed, by its id."""

    dismissed: list[str]
    refused: dict[str, str]


class Status(Paused):
    """How things stand. `oldest` is when the oldest of a state was asked for.

    What is for the hosts in `silent_receivers` waits: they do not answer. `failing_targets` are
    targets of notifications whose newest attempt failed.
    """

    at: Time
    mode: str
    deletions: dict[str, int]
    oldest: dict[str, Time]
    begun_within_24_hours: int
    max_deletions_per_day: int
    overdue: int
    quarantined: int
    holds: int
    results_due: int
    worker: bool
    other_configurations: int
    scheduler: bool
    outbox: bool
    silent_receivers: list[str]
    failing_targets: list[str]


class ResultRow(Form):
    """A result or summary on its way, `of` a deletion or sweep."""

    id: str
    of: str
    kind: str
    generation: int
    state: Literal["pending", "delivered", "stopped", "dead"]
    attempts: int
    status: int | None
    answer: Text
    created_at: Time
    due_at: Time | None
    replayed_by: Text
    waits_for: Text


class Results(Form):
    """Newest first. `next_until` as `until` continues with older ones."""

    results: list[ResultRow]
    next_until: PreciseTime | None


class ReportRow(Form):
    """So many deletions of this source came to this."""

    source: str
    outcome: str
    dry_run: bool
    code: Text
    count: int


class Report(Form):
    """A month."""

    month: str
    rows: list[ReportRow]


class AuditEntries(Form):
    """Newest first. `next_before` as `before` continues with older ones."""

    entries: list[Details]
    next_before: int | None
    head: Head | None


class AuditVerdict(Form):
    """Whether the chain is whole, and from which entry to which it was read."""

    whole: bool
    fault: str | None
    entries: int
    first: int | None
    head: Head | None
    notes: list[str]


class CaughtUp(Form):
    """How far it is known what a PSA changed.

    `to` is the point, confirmed at `at`. `fault` says why it stands still, with the `code` of an
    error, `since` when. `inactive` and `active` count what was found that no event had said.
    """

    to: Time
    at: Time | None
    fault: str
    code: str
    since: Time | None
    inactive: int
    active: int


class CatchUpBegun(Form):
    """A source is being caught up with."""

    source: str
    caught_up: CaughtUp


class Source(Form):
    """A configured source and what came of it."""

    name: str
    vendor: str
    url: str
    confirm_delete: bool
    last_delivery: Time | None
    silent: bool
    silence_days: int
    verdicts: dict[str, int]
    alerts: dict[str, Time]
    caught_up: CaughtUp | None


class Sources(Form):
    """Every configured source, by name."""

    sources: list[Source]


class SourceCancelled(Form):
    """What was stopped, and what could not be any more."""

    source: str
    cancelled: list[str]
    too_late: list[str]


class Protection(Form):
    """An organization that stays. `by` is null for one that a file or IT Glue protects."""

    org_id: str
    by: Text
    at: Time
    reason: Text
    how: str


class Declined(Form):
    """A person's no that stands; `form` is `org:301`, or what the request named."""

    form: str
    by: str
    at: Time
    reason: Text
    how: str
    deletion_id: str


class Protections(Form):
    """What is never deleted, newest first."""

    protections: list[Protection]
    declined: list[Declined]


class Unprotected(Protection):
    """`warnings` says what will protect it again."""

    warnings: list[str]


class OrganizationNow(Form):
    """An organization as IT Glue shows it now."""

    org_id: str
    org_name: str
    status: str | None
    type: str | None


class Operator(Form):
    """`last_seen` is null for one who did not call since this process started."""

    name: str
    roles: list[Literal["request", "approve", "admin"]]
    last_seen: Time | None


class Operators(Form):
    """Everybody who may call."""

    operators: list[Operator]


class NamedSchedule(Schedule):
    """A schedule with its criteria and its next times."""

    name: str
    next: list[Time]


class Schedules(Form):
    """Every schedule."""

    schedules: list[NamedSchedule]


class Sweep(Form):
    """One sweep; `tick` is the time that began it, `by` the person."""

    id: str
    schedule: str
    state: str
    dry_run: bool
    tick: Time | None
    by: Text
    created_at: Time
    finished_at: Time | None
    summary: Details | None


class Sweeps(Form):
    """The newest sweeps."""

    sweeps: list[Sweep]


class SweptOrganization(Form):
    """What a sweep knows of one organization; `why` it is no candidate."""

    org_id: str
    name: str
    status: str | None
    why: list[str]
    skipped: bool
    checked: bool
    deletion_id: str | None
    met: bool


class SweepDetails(Sweep):
    """The same with every organization it looked at."""

    organizations: list[SweptOrganization]


class Spool(Form):
    """A service's spool, as it last said."""

    id: str
    where: str
    holds_deletions: bool
    waiting: int
    oldest: Time | None
    set_aside: list[str]
    seen_at: Time
    empty_at: Time | None


class Spools(Form):
    """Every spool that the ledger knows."""

    spools: list[Spool]


class Forgotten(Form):
    """The spool is gone, and with it what was in it."""

    id: str
    forgotten: Literal[True]


class ReplayRow(Form):
    """A bulk replay: how far it is."""

    id: str
    what: str
    state: str
    by: str
    filter: Details | None
    rate: int
    matched: int
    total: int
    done: int
    replayed: int
    refused_by_reason: dict[str, int]
    stopped_by: Text
    created_at: Time
    finished_at: Time | None


class Replays(Form):
    """The newest bulk replays."""

    replays: list[ReplayRow]


class Replay(ReplayRow):
    """The same with what it refused, by id."""

    refused: dict[str, str]


class ReplayCount(Form):
    """What a bulk replay would do; `ids` are the first of them."""

    what: str
    matched: int
    total: int
    ids: list[str]


class Tested(Form):
    """Every target is told; `id` shows what becomes of it."""

    id: str
    targets: list[str]


class Notice(Form):
    """One notification; `targets` is null until it was handed out."""

    id: str
    kind: str
    at: Time
    detail: Details
    targets: list[dict[str, Any]] | None


class Alive(Form):
    """The process answers."""

    status: Literal["ok"]


class Ready(Form):
    """Each part that matters: `ok`, or what is wrong with it."""

    status: Literal["ready", "not ready"]
    parts: dict[str, str]
