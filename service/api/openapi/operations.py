"""Every route of the API with what it takes and answers. A test finds what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from adapters import errors
from adapters.models import DeletionRequest
from service.api.bodies import Reason
from service.api.openapi import answers
from service.api.routes import (
    approval_page,
    audit,
    deletions,
    handshake,
    health,
    holds,
    lists,
    metrics,
    notifications,
    operators,
    organizations,
    overview,
    pause,
    protections,
    replays,
    sources,
    spools,
    sweeps,
    webhooks,
)
from workers.intake.coding import UnsupportedEncoding

Who = Literal["operator", "sender", "anybody", "metrics", "link"]
Error = type[errors.UnglueError]

# No part of the API: what is for browsers, and the description itself.
PAGES: Final = ("/rq", "/docs", "/openapi.json")

HTML: Final = "text/html"
PLAIN: Final = "text/plain"
CSV: Final = "text/csv"


class MonthQuery(BaseModel):
    """Which month."""

    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])]


class HeadQuery(BaseModel):
    """An entry that the log must lead up to, as `SEQ:HASH`."""

    expect_head: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `answers` is what each status comes with: a model, or the media type of something that is not
    JSON. `raises` are its own errors; those that any operation of its kind may answer are added.
    `needs` is the role. `without` are fields of `query` that this path does not take.
    """

    method: str
    path: str
    route: Any
    tag: str
    answers: Mapping[int, type[BaseModel] | str | None]
    who: Who = "operator"
    needs: str = ""
    body: type[BaseModel] | None = None
    body_optional: bool = False
    query: type[BaseModel] | None = None
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    raises: tuple[Error, ...] = ()
    headers: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Unique in the document: the module and the function."""
        return f"{self.route.__module__.rpartition('.')[2]}_{self.route.__name__}"


def _get(path: str, route: Any, tag: str, model: type[BaseModel] | str, **rest: Any) -> Operation:  # noqa: ANN401 - a route of Starlette's, and fields of the operation
    return Operation("GET", path, route, tag, {200: model}, **rest)


def _post(path: str, route: Any, tag: str, model: type[BaseModel], **rest: Any) -> Operation:  # noqa: ANN401 - the same
    return Operation("POST", path, route, tag, {200: model}, **rest)


_ID: Final = (errors.NotFound,)
_DECIDED: Final = (errors.NotFound, errors.Conflict)
_ITGLUE: Final = (
    errors.InvalidIdentifier,
    errors.OrganizationNotFound,
    errors.PermissionDenied,
    errors.ITGlueConnectionError,
)
_ONE: Final = "/v1/deletions/{deletion_id}"

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "POST", "/webhooks/{source}", webhooks.receive, "webhooks",
        {202: answers.Acknowledged}, who="sender",
        raises=(
            errors.SignatureInvalid, errors.NotFound, UnsupportedEncoding, errors.TooManyAttempts,
            errors.SigningKeyUnavailable, errors.PayloadTooLarge,
        ),
    ),
    Operation(
        "OPTIONS", "/webhooks/{source}", handshake.allow, "webhooks", {200: None}, who="anybody",
        raises=(errors.NotFound, errors.Forbidden, errors.MethodNotAllowed),
    ),
    Operation(
        "POST", "/v1/deletions", deletions.create, "deletions",
        {200: answers.Deletion, 202: answers.Deletion}, needs="request", body=DeletionRequest,
        raises=(errors.InvalidIdentifier, errors.Conflict), headers=("Idempotency-Key", "Prefer"),
    ),
    _get("/v1/deletions", lists.deletions, "deletions", answers.DeletionList,
         query=lists.ListQuery, without=("verdict",)),
    _get(_ONE, deletions.show, "deletions", answers.Deletion, raises=_ID),
    _post(f"{_ONE}/approve", deletions.approve, "deletions", answers.Deletion, needs="approve",
          body=deletions.Approval, raises=_DECIDED),
    _post(f"{_ONE}/reject", deletions.reject, "deletions", answers.Deletion, needs="approve",
          body=Reason, raises=_DECIDED),
    _post(f"{_ONE}/cancel", deletions.cancel, "deletions", answers.Deletion, needs="any",
          raises=_DECIDED),
    Operation(
        "POST", f"{_ONE}/replay", deletions.replay, "deletions", {202: answers.Deletion},
        needs="request", raises=(*_DECIDED, errors.InvalidRequest), headers=("Idempotency-Key",),
    ),
    _get("/v1/deliveries", lists.deliveries, "deliveries", answers.DeliveryList,
         query=lists.ListQuery, without=("state",)),
    _get("/v1/deliveries/{delivery_id}", lists.delivery, "deliveries", answers.Delivery,
         raises=_ID),
    _post("/v1/deliveries/dismiss", holds.dismiss, "deliveries", answers.Dismissals,
          needs="approve or admin", body=holds.Dismissal),
    _get("/v1/holds", holds.show_all, "deliveries", answers.Holds),
    _get("/v1/status", overview.status, "installation", answers.Status),
    _get("/v1/results", overview.results, "results", answers.Results,
         query=overview.ResultsQuery),
    _get("/v1/report", overview.month, "results", answers.Report, query=MonthQuery, also=(CSV,)),
    _get("/v1/audit", audit.show, "audit", answers.AuditEntries, query=audit.AuditQuery),
    _get("/v1/audit/verify", audit.verify, "audit", answers.AuditVerdict, query=HeadQuery),
    _get("/v1/sources", sources.show_all, "sources", answers.Sources),
    _post("/v1/sources/{source}/catch-up", sources.catch_up, "sources", answers.CatchUpBegun,
          needs="request", raises=_ID),
    _post("/v1/sources/{source}/cancel", sources.cancel, "sources", answers.SourceCancelled,
          needs="any", body=Reason, raises=_ID),
    _post("/v1/protections", protections.create, "protections", answers.Protection, needs="any",
          body=protections.NewProtection, raises=(errors.InvalidIdentifier,)),
    _get("/v1/protections", protections.show_all, "protections", answers.Protections),
    Operation(
        "DELETE", "/v1/protections/{org_id}", protections.remove, "protections",
        {200: answers.Unprotected}, needs="admin", body=Reason,
        raises=(errors.InvalidIdentifier, errors.NotFound),
    ),
    _get("/v1/organizations/{org_id}", organizations.show, "protections", answers.OrganizationNow,
         raises=_ITGLUE),
    _get("/v1/operators", operators.show_all, "installation", answers.Operators, needs="admin"),
    _post("/v1/pause", pause.pause, "installation", answers.Paused, needs="any",
          body=Reason),
    _get("/v1/pause", pause.show, "installation", answers.Paused),
    _post("/v1/resume", pause.resume, "installation", answers.Resumed, needs="admin",
          body=pause.Resumption, body_optional=True, raises=(errors.Conflict,)),
    _get("/v1/schedules", sweeps.schedules, "schedules", answers.Schedules),
    Operation(
        "POST", "/v1/schedules/{name}/sweep", sweeps.begin, "schedules", {202: answers.Sweep},
        needs="request", body=sweeps.SweepOrder, body_optional=True, raises=_DECIDED,
    ),
    _get("/v1/sweeps", sweeps.show_all, "schedules", answers.Sweeps),
    _get("/v1/sweeps/{sweep_id}", sweeps.show, "schedules", answers.SweepDetails, raises=_ID),
    _get("/v1/spools", spools.show_all, "installation", answers.Spools),
    Operation(
        "DELETE", "/v1/spools/{spool_id}", spools.forget, "installation",
        {200: answers.Forgotten}, needs="admin", body=Reason, raises=_ID,
    ),
    Operation(
        "POST", "/v1/replays", replays.begin, "replays",
        {200: answers.ReplayCount, 202: answers.Replay}, needs="request", body=replays.ReplayOrder,
        raises=(errors.Conflict,), headers=("Idempotency-Key",),
    ),
    _get("/v1/replays", replays.show_all, "replays", answers.Replays),
    _get("/v1/replays/{replay_id}", replays.show, "replays", answers.Replay, raises=_ID),
    _post("/v1/replays/{replay_id}/cancel", replays.cancel, "replays", answers.Replay,
          needs="request", raises=_DECIDED),
    Operation(
        "POST", "/v1/notifications/test", notifications.test, "installation",
        {202: answers.Tested}, needs="admin",
        raises=(errors.InvalidRequest, errors.TooManyAttempts),
    ),
    _get("/v1/notifications/{notification_id}", notifications.show, "installation",
         answers.Notification, raises=_ID),
    Operation("GET", "/approve/{token}", approval_page.show, "approval page", {200: HTML},
              who="link"),
    Operation("POST", "/approve/{token}", approval_page.decide, "approval page", {200: HTML},
              who="link"),
    _get("/healthz", health.alive, "monitoring", answers.Alive, who="anybody"),
    Operation(
        "GET", "/readyz", health.ready, "monitoring", {200: answers.Ready, 503: answers.Ready},
        who="anybody",
    ),
    _get("/metrics", metrics.show, "monitoring", PLAIN, who="metrics"),
)  # fmt: skip


def described(function: Any) -> tuple[str, str]:  # noqa: ANN401 - a route of Starlette's
    """The first line of a route's docstring, and the rest as paragraphs, up to what it raises."""
    first, _, rest = (function.__doc__ or "").partition("\n\n")
    text = rest.partition("Raises:")[0]
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return " ".join(first.split()), "\n\n".join(part for part in paragraphs if part)
