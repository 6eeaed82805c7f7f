"""How records are read into frozen values, and the largest of them: the deletion."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass
from dataclasses import fields as fields_of
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from adapters.errors import UnglueError
from adapters.models import DeletionRequest
from workers.audit.chain import Head
from workers.itglue.models import AccountView
from workers.ledger.deleting.exported import Exported
from workers.pipeline.approval import Asked, Grace, Granted
from workers.pipeline.plan import Plan
from workers.pipeline.states import AWAITING_APPROVAL, RUNNING, TERMINAL
from workers.settings.policy import MODES, Mode
from workers.times.clock import from_ms, ms_or_none, rfc3339, to_ms

T = TypeVar("T")
_READERS: Final[Mapping[Any, Callable[[str], Any]]] = {
    int: int,
    bool: "1".__eq__,
    datetime: from_ms,
    Mapping: json.loads,
    tuple: lambda text: tuple(json.loads(text)),
    frozenset: lambda text: frozenset(json.loads(text)),
}


@cache
def readers(form: type) -> list[tuple[str, Callable[[str], Any], bool, bool]]:
    """Each field's name and reader, whether it may be left out, and whether it may be `None`."""
    hints, found = get_type_hints(form), []
    for each in fields_of(form):
        kinds = [kind for kind in get_args(hints[each.name]) if kind is not type(None)]
        optional = get_origin(hints[each.name]) is UnionType
        kind = kinds[0] if optional else hints[each.name]
        reader = _READERS.get(get_origin(kind) or kind, str)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            reader = kind.model_validate_json
        if optional and kind is datetime:
            reader = ms_or_none
        found.append((each.name, reader, each.default is not MISSING, optional))
    return found


def loaded(form: type[T], fields: Mapping[str, str], **known: Any) -> T:  # noqa: ANN401 - any field's
    """The frozen value of a hash, each field by its type, or as it is `known`.

    Times are in milliseconds, what is true is "1", what has several values is JSON. A field that is
    missing or empty has its default, or is `None` if it may be. Raises KeyError: a field is missing
    that is neither.
    """
    values = dict(known)
    for name, reader, has_default, optional in readers(form):  # type: ignore[arg-type] # a class can be hashed
        if name not in known:
            if fields.get(name):
                values[name] = reader(fields[name])
            elif not has_default:
                values[name] = None if optional else reader(fields[name])
    return form(**values)


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

    @classmethod
    def cancelled(cls, why: str, now: datetime) -> "ErrorEntry":
        """The entry of a deletion that is no longer wanted."""
        return cls("Cancelled", why, rfc3339(now))

    def plain(self) -> dict[str, str]:
        """The entry as JSON values."""
        return {"code": self.code, "message": self.message, "timestamp": self.timestamp}


def encode_errors(errors: tuple[ErrorEntry, ...]) -> str:
    """The errors as the ledger stores them."""
    return json.dumps([error.plain() for error in errors])


def written(line: Mapping[str, Any], now: datetime) -> str:
    """A line of a journal as the ledger stores it."""
    return json.dumps({**line, "at": to_ms(now)})


def read_lines(lines: Iterable[bytes | str]) -> list[dict[str, Any]]:
    """The lines of a journal; their times are in RFC 3339."""
    entries = map(json.loads, lines)
    return [{**entry, "at": rfc3339(from_ms(entry["at"]))} for entry in entries]


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

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> "Intent":
        """The newest call of a deletion, from its hash."""
        return cls(
            number=int(fields["intent_no"]),
            kind=fields.get("intent_kind", ""),  # type: ignore[arg-type] # written by our scripts only
            state=fields["intent_state"],  # type: ignore[arg-type] # written by our scripts only
            at=ms_or_none(fields.get("intent_at")),
            org_id=fields["intent_org"],
            missing=fields.get("intent_missing") == "1",
            **decode_account(fields.get("intent_account") or "{}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The life of one request.

    `waits_for` says why one that waits does, where that is no step's own doing: "paused" (the stop
    switch), "key_refused", "disk_full", "psa_silent" or "psa_refused". `order` counts the
    active events that the ledger knew when it was asked for, `identities` are those of the event
    that asked, as (source, client).
    `asked_mode` is the policy's mode then, `read_by` its source's `meaning`, "" if that is unknown;
    `pinned` the organization as its first plan found it, `policy_then` what the policy went by as
    it was planned first. `asked_as` is by what the operator who asked for it last, or replayed it,
    was told from others then, "" if that is unknown.
    """

    id: str
    state: str
    step: str
    generation: int
    source: str
    vendor: str = ""
    client: str
    actor: str = ""
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
    mode: str = ""
    requests: int = 0
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
    read_by: str = ""
    asked_as: str = ""
    pinned: Mapping[str, Any] | None = None
    policy_then: Mapping[str, Any] | None = None
    known_name: str = ""
    overrules_at: datetime | None = None
    overrules: int = 0
    said_at: datetime | None = None
    identities: tuple[tuple[str, str], ...] = ()
    trace: str = ""

    @property
    def looking_since(self) -> datetime:
        """When the time began in which its call is looked after: at the call, or at a replay."""
        sent_at = self.intent.at or self.created_at
        return max(sent_at, self.looked_from or sent_at)

    @property
    def worded_at(self) -> datetime:
        """When it was said whom it means: when it was asked for, or what its event speaks of."""
        return min(self.said_at or self.created_at, self.created_at)

    @property
    def org_id(self) -> str | None:
        """The organization's id: as its plan found it, or as it was asked for."""
        return self.plan.organization.id if self.plan else self.request.org_id

    @property
    def org_name(self) -> str | None:
        """Its name, in the same way."""
        return self.plan.organization.name if self.plan else self.request.org_name

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
        audit_head, asked_mode = fields.get("audit_head"), fields.get("asked_mode")
        return loaded(
            cls,
            fields,
            intent=Intent.load(fields),
            errors=tuple(ErrorEntry(**entry) for entry in json.loads(fields.get("errors") or "[]")),
            audit_head=Head.parse(audit_head) if audit_head else None,
            asked=Asked.load(fields),
            granted=Granted.load(fields),
            grace=Grace.load(fields),
            asked_mode=next((mode for mode in MODES if mode == asked_mode), None),
            identities=tuple(map(tuple, json.loads(fields.get("identities") or "[]"))),
        )
