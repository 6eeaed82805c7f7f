"""What the ledger holds, as frozen values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from adapters.errors import UnglueError
from adapters.models import DeletionRequest
from workers.audit.chain import Head
from workers.itglue.export.archive import lacking
from workers.itglue.models import AccountView
from workers.pipeline.approval import Asked, Grace, Granted
from workers.pipeline.plan import Plan
from workers.pipeline.states import AWAITING_APPROVAL, RUNNING, TERMINAL
from workers.settings.policy import MODES, Mode
from workers.times.clock import from_ms, ms_or_none, rfc3339, to_ms


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One error of a result."""

    code: str
    message: str
    timestamp: str

    @classmethod
    def of(cls, error: UnglueError, now: datetime) -> "ErrorEntry":
        """The entry for an error that happened now."""
        return cls(error.code, error.message, rfc3339(now))

    def plain(self) -> dict[str, str]:
        """The entry as JSON values."""
        return {"code": self.code, "message": self.message, "timestamp": self.timestamp}


def encode_errors(errors: tuple[ErrorEntry, ...]) -> str:
    """The errors as the ledger stores them."""
    return json.dumps([error.plain() for error in errors])


def encode_account(view: AccountView | None, seen_at: datetime) -> str:
    """The account of a plan as an intent stores it."""
    return json.dumps({**asdict(view), "seen_at": to_ms(seen_at)}) if view is not None else "{}"


def decode_account(text: str) -> dict[str, Any]:
    """`account` and `seen_at` of an intent, from what it stores; nothing of one that has none."""
    fields = json.loads(text)
    if not fields:
        return {}
    seen_at = from_ms(str(fields.pop("seen_at")))
    fields["witnesses"] = tuple(fields["witnesses"])
    return {"account": AccountView(**fields), "seen_at": seen_at}


@dataclass(frozen=True, slots=True)
class Intent:
    """The newest call this deletion was allowed to make.

    `open`: written, and the answer is not known. `refused`: IT Glue said no and did nothing.
    `account` is the account as the plan saw it at `seen_at`; `missing`: the answer was 404.
    """

    number: int
    kind: Literal["", "delete", "soft_delete"]
    state: Literal["", "open", "accepted", "refused"]
    at: datetime | None
    org_id: str
    account: AccountView | None = None
    seen_at: datetime | None = None
    missing: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether a DELETE may have worked. A change of status may simply be made again."""
        return self.kind == "delete" and self.state == "open"

    @property
    def unsettled(self) -> bool:
        """Whether only looking can end the deletion: a DELETE was accepted, or not answered."""
        return self.unanswered or (self.kind == "delete" and self.state == "accepted")


class Exported(BaseModel):
    """The export of a deletion's organization; `file` once it lies on disk.

    `size` is in bytes, `sha256` in hex. `counts` and `updated_at` are what the plan saw before it
    was asked for, `kinds` and `others` what its members showed. `made` counts exports in a row.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    org_id: str
    asked_at: datetime
    file: str | None = None
    size: int | None = None
    sha256: str | None = None
    counts: Mapping[str, int | None] | None = None
    updated_at: str | None = None
    stored_at: datetime | None = None
    kinds: tuple[str, ...] = ()
    others: int = 0
    warnings: tuple[str, ...] = ()
    made: int = 1

    def unproved(self, plan: Plan, now: datetime, max_age: timedelta) -> str | None:
        """Why this does not hold what the plan says would be lost; `None` if it does.

        What moved is told by comparing what IT Glue says with what it said before the export was
        asked for, so no clocks are compared. Its age counts from when it was ready: a large
        account's takes hours to build.
        """
        organization = plan.organization
        if not self.on_disk(organization.id):
            return "its file is not there"
        if self.stored_at is None or self.counts is None or now - self.stored_at > max_age:
            return "it is too old"
        if self.updated_at != organization.updated_at:
            return "the organization was changed after it was asked for"
        grown = [
            kind
            for kind, count in plan.counts.items()
            if (count or 0) > (self.counts.get(kind) or 0)
        ]
        if grown:
            return f"there is more now than when it was asked for: {', '.join(grown)}"
        missing = lacking(self.kinds, self.others, plan.counts)
        return f"it holds nothing of: {', '.join(missing)}" if missing else None

    def on_disk(self, org_id: str) -> bool:
        """Whether the file of this organization is there, whole: somebody may have removed it."""
        if self.file is None or self.org_id != org_id:
            return False
        try:
            return Path(self.file).stat().st_size == self.size
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The life of one request.

    `waits_for` says why one that waits does, where that is no step's own doing: "paused" (the stop
    switch), "key_refused", "disk_full", "psa_silent" or "psa_refused". `order` counts the
    active events that the ledger knew when it was asked for, `identities` are those of the event
    that asked, as (source, client).
    `asked_mode` is the policy's mode then; `pinned` the organization as its first plan found it.
    """

    id: str
    state: str
    step: str
    generation: int
    source: str
    vendor: str
    client: str
    actor: str
    delivery_id: str
    request: DeletionRequest
    callback_url: str
    created_at: datetime
    updated_at: datetime
    ready_at: datetime
    finished_at: datetime | None
    fence: int
    attempts: int
    deaths: int
    intent: Intent
    plan: Plan | None
    errors: tuple[ErrorEntry, ...]
    mode: str
    requests: int
    eligible_until: datetime | None
    export: Exported | None
    audit_head: Head | None = None
    looked_from: datetime | None = None
    asked: Asked | None = None
    granted: Granted | None = None
    grace: Grace | None = None
    replayed_by: str = ""
    waits_for: str = ""
    order: int = 0
    asked_mode: Mode | None = None
    pinned: Mapping[str, Any] | None = None
    known_name: str = ""
    overrules_at: datetime | None = None
    identities: tuple[tuple[str, str], ...] = ()
    trace: str = ""

    @property
    def looking_since(self) -> datetime:
        """When the time began in which its call is looked after: at the call, or at a replay."""
        sent_at = self.intent.at or self.created_at
        return max(sent_at, self.looked_from or sent_at)

    @property
    def by_webhook(self) -> bool:
        """Whether an event asked for it, and no person."""
        return self.client != ""

    @property
    def by_request(self) -> bool:
        """Whether an operator asked for this one: then that operator confirms it, nobody else."""
        return self.source == "api" and not self.by_webhook

    @property
    def swept(self) -> bool:
        """Whether a schedule asked for it."""
        return self.source.startswith("schedule:") and not self.by_webhook

    @property
    def requesters(self) -> frozenset[str]:
        """The operators who asked for it, began its sweep or replayed it: they may not approve."""
        asked = {self.actor} if not self.by_webhook and self.actor != self.source else set()
        return frozenset(asked | {self.replayed_by}) - {""}

    @property
    def awaits_approval(self) -> bool:
        """Whether an approver is waited for; a worker that only reminds of it changes nothing."""
        running = self.state == RUNNING and self.step == "approve"
        return self.state == AWAITING_APPROVAL or running

    @property
    def terminal(self) -> bool:
        """Whether it ended."""
        return self.state in TERMINAL

    @property
    def dry_run(self) -> bool:
        """Whether it was a preview, by request or by policy."""
        return self.request.dry_run or self.mode == "preview"

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> "Deletion":
        """The deletion from its hash."""
        plan = fields.get("plan")
        export = fields.get("export")
        audit_head = fields.get("audit_head")
        pinned = fields.get("pinned")
        asked_mode = fields.get("asked_mode")
        named = json.loads(fields.get("identities") or "[]")
        return cls(
            id=fields["id"],
            state=fields["state"],
            step=fields["step"],
            generation=int(fields["generation"]),
            source=fields["source"],
            vendor=fields.get("vendor", ""),
            client=fields["client"],
            actor=fields.get("actor", ""),
            delivery_id=fields["delivery_id"],
            request=DeletionRequest.model_validate_json(fields["request"]),
            callback_url=fields["callback_url"],
            created_at=from_ms(fields["created_at"]),
            updated_at=from_ms(fields["updated_at"]),
            ready_at=from_ms(fields["ready_at"]),
            finished_at=ms_or_none(fields.get("finished_at")),
            fence=int(fields["fence"]),
            attempts=int(fields["attempts"]),
            deaths=int(fields["deaths"]),
            intent=Intent(
                number=int(fields["intent_no"]),
                kind=fields.get("intent_kind", ""),  # type: ignore[arg-type] # written by our scripts only
                state=fields["intent_state"],  # type: ignore[arg-type] # written by our scripts only
                at=ms_or_none(fields.get("intent_at")),
                org_id=fields["intent_org"],
                missing=fields.get("intent_missing") == "1",
                **decode_account(fields.get("intent_account") or "{}"),
            ),
            plan=Plan.model_validate_json(plan) if plan else None,
            errors=tuple(ErrorEntry(**entry) for entry in json.loads(fields.get("errors") or "[]")),
            mode=fields.get("mode", ""),
            requests=int(fields.get("requests") or 0),
            eligible_until=ms_or_none(fields.get("eligible_until")),
            export=Exported.model_validate_json(export) if export else None,
            audit_head=Head.parse(audit_head) if audit_head else None,
            looked_from=ms_or_none(fields.get("looked_from")),
            asked=Asked.load(fields),
            granted=Granted.load(fields),
            grace=Grace.load(fields),
            replayed_by=fields.get("replayed_by", ""),
            waits_for=fields.get("waits_for", ""),
            order=int(fields.get("order") or 0),
            asked_mode=next((mode for mode in MODES if mode == asked_mode), None),
            pinned=json.loads(pinned) if pinned else None,
            known_name=fields.get("known_name", ""),
            overrules_at=ms_or_none(fields.get("overrules_at")),
            trace=fields.get("trace", ""),
            identities=tuple((source, client) for source, client in named or ()),
        )


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who said that a delivery need hold no deletion, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request from a source, as it arrived, and what became of it.

    It came `repeats` times more, the last time at `last_seen`. `dropped` is how many bytes the body
    had, if it is no longer kept. `caught_up`: nobody sent it, the PSA said it when it was asked.
    """

    id: str
    source: str
    vendor: str
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    body: bytes
    verdict: str
    reason: str
    deletion_id: str | None
    events: tuple[Mapping[str, Any], ...]
    generation: int = 1
    dismissed: Dismissal | None = None
    repeats: int = 0
    last_seen: datetime | None = None
    dropped: int | None = None
    caught_up: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one event of a delivery.

    `verdict` is one of `states.VERDICTS`; `reason` a code; `alert` a code that operators must hear
    of, `missing` how many events before this one never came. `job` is the number of the first
    job of a new deletion. `repeat_of` is the delivery with which this one was counted.
    """

    verdict: str
    reason: str
    deletion_id: str | None = None
    event_id: str = ""
    alert: str | None = None
    job: int | None = None
    missing: int | None = None
    repeat_of: str | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """One result on its way to one callback URL, or one notice on its way to one target.

    What is neither brings its `body` and its `target` along; `kind` says what it is. `generation`
    is the deletion's whose result it is; a replayed one has a `target` of its own.
    """

    id: str
    deletion_id: str
    state: Literal["pending", "delivered", "stopped", "dead"]
    attempts: int
    fence: int
    created_at: datetime
    kind: str = ""
    target: str = ""
    body: str = ""
    notice_id: str = ""
    generation: int = 1
