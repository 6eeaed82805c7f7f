"""Whether a DELETE was right, judged by what was really there and not by what the product knows.

Only one thing excuses a wrong one: a change that came after the worker's last look. The
organization itself is looked at right before the call; what hangs on it, what lies below it and
who else has its name were looked at when the plan was made.
"""

import fnmatch
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, TypeVar

from adapters.models import DeletionRequest, PsaLink
from service.sandbox.world import World
from tests.support.stateful.account import Account, Asked, Facts, Snapshot
from tests.support.stateful.people import Approval
from workers.psa.company import Company
from workers.settings.policy import PolicySettings

T = TypeVar("T")

_KINDS = {"flexible_assets": "assets", "configurations": "configs"}
COUNTED = ("assets", "configs", "documents")
_DOCUMENTS = re.compile(r"/organizations/([0-9]+)/relationships/documents")
# A plan may be a minute old, and a job may take for up to its limit between looking and asking,
# and for up to a lease between asking and sending; then the request has its own time limit, and
# may be slow on its way for as long as the test makes it.
LONGEST_LOOK = timedelta(seconds=100 + 15 + 30 + 300)
LONGEST_PLAN = LONGEST_LOOK + timedelta(seconds=60)


@dataclass
class Sight(Generic[T]):
    """What was there when a request was acted upon.

    `seen`: the worker got an answer, and it was 200. `honoured`: filters were not ignored.
    """

    asked: Asked
    at: datetime
    what: T
    honoured: bool = True
    seen: bool = False


@dataclass(frozen=True)
class Reads:
    """What one job looked at: the newest of each kind."""

    shown: Mapping[int, Sight[Facts | None]] = field(default_factory=dict)
    resolved: Sight[Snapshot] | None = None
    placed: Sight[Snapshot] | None = None
    counts: Mapping[tuple[str, int, str], Sight[int]] = field(default_factory=dict)
    activity: Mapping[int, Sight[date | None]] = field(default_factory=dict)
    psa: Mapping[tuple[str, str], tuple[datetime, Company | None]] = field(default_factory=dict)

    def told(self, source: str, number: str, at: datetime, company: Company | None) -> "Reads":
        """These and what the PSA said of a company, as it was at this moment."""
        return replace(self, psa={**self.psa, (source, number): (at, company)})

    def heard(self, asked: Asked) -> None:
        """The worker got a proper answer."""
        sights = (*self.shown.values(), self.resolved, self.placed, *self.counts.values())
        for sight in (*sights, *self.activity.values()):
            if sight is not None and sight.asked is asked:
                sight.seen = True


def reading(reads: Reads, asked: Asked, account: Account) -> Reads:
    """The reads with this one, as it is acted upon."""
    world, query, now = account.world, asked.pairs, account.now()
    if asked.shows is not None:
        shown = Sight(asked, now, account.snapshot().get(asked.shows))
        return replace(reads, shown={**reads.shown, asked.shows: shown})
    if asked.path == "/organizations" and "filter[id]" not in query:
        ignoring = "ignore-filters" in account.sandbox.faults.active
        listed = Sight(asked, now, account.snapshot(), honoured=not ignoring)
        if any(name.startswith("filter") for name in query):
            return replace(reads, resolved=listed)
        # A single row is a control read; sub-organizations are looked for in the whole list.
        return replace(reads, placed=listed) if query.get("page[size]") != "1" else reads
    if asked.path == "/user_metrics":
        org_id = int(query["filter[organization_id]"])
        newest = Sight(asked, now, _newest_day(world, org_id))
        return replace(reads, activity={**reads.activity, org_id: newest})
    honoured = "ignore-filters" not in account.sandbox.faults.active
    found = {
        key: Sight(asked, now, number, honoured=honoured)
        for key, number in _counted(asked, world).items()
    }
    return replace(reads, counts={**reads.counts, **found}) if found else reads


def _newest_day(world: World, org_id: int) -> date | None:
    days = [row.attributes["date"] for row in world.owned("user-metrics", [org_id])]
    return date.fromisoformat(max(days)) if days else None


def _counted(asked: Asked, world: World) -> dict[tuple[str, int, str], int]:
    """What is really there of what this request counts, by kind, organization and share."""
    nested = _DOCUMENTS.fullmatch(asked.path)
    if nested:
        org_id = int(nested[1])
        return {("documents", org_id, ""): len(world.owned("documents", [org_id]))}
    kind = _KINDS.get(asked.path[1:])
    query = asked.pairs
    owner = query.get("filter[organization-id]") or query.get("filter[organization_id]")
    if kind is None or owner is None:
        return {}
    org_id = int(owner)
    rows = world.owned(asked.path[1:].replace("_", "-"), [org_id])
    share = query.get("filter[flexible-asset-type-id]") or query.get("filter[archived]") or ""
    if kind == "assets":
        number = sum(str(row.attributes["flexible-asset-type-id"]) == share for row in rows)
    else:
        number = sum(str(row.attributes["archived"]).lower() == share for row in rows)
    return {(kind, org_id, share): number}


@dataclass(frozen=True)
class Call:
    """A call that changes an organization, and everything it may rest on."""

    asked: Asked
    at: datetime
    org_id: int
    request: DeletionRequest
    policy: PolicySettings
    look: Sight[Facts | None] | None
    reads: Reads
    approval: Approval | None = None


def objections(call: Call) -> Iterator[str]:
    """Everything that is wrong with a call."""
    yield from _form(call.asked)
    request, policy = call.request, call.policy
    wanted = "delete" if call.asked.method == "DELETE" else "soft_delete"
    if policy.mode != wanted and not (policy.mode == "delete" and wanted == "soft_delete"):
        yield f"policy.mode is {policy.mode}"
    if request.dry_run:
        yield "a dry run"
    if not request.confirm_delete and call.approval is None:
        yield "nobody confirmed"
    look = call.look
    if look is None or not look.seen:
        yield "it was not looked at right before"
        return
    there = look.what
    if there is None:
        yield "it was looked at and not there"
        return
    if call.at - look.at > LONGEST_LOOK:
        yield f"it was looked at {call.at - look.at} before"
    yield from _identity(call, there)
    if call.approval is not None:
        yield from call.approval.differs(there)
    yield from _policy(call, there)
    yield from _below(call)
    yield from _dependents(call)


def _form(asked: Asked) -> Iterator[str]:
    if asked.query:
        yield f"a query: {asked.query}"
    if asked.method != "DELETE":
        return
    body = json.loads(asked.body or b"null")
    if asked.path != "/organizations":
        yield f"not the documented route: {asked.path}"
    match body:
        case {"data": [{"type": "organizations", "attributes": {"id": int(), **rest}, **more}]}:
            if rest or more:
                yield f"more than an id: {body}"
        case _:
            yield f"not exactly one id: {body}"


def comparable(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _identity(call: Call, there: Facts) -> Iterator[str]:
    request, resolved = call.request, call.reads.resolved
    if request.org_name is not None and comparable(there.name) != comparable(request.org_name):
        yield f"its name was {there.name!r}, asked for was {request.org_name!r}"
    if request.psa is None and request.org_id is not None:
        if int(request.org_id) != call.org_id:
            yield f"asked for was organization {request.org_id}"
        return
    if resolved is None or not resolved.seen:
        yield "nobody looked which organization is meant"
        return
    if call.at - resolved.at > LONGEST_PLAN:
        yield f"which one is meant was looked up {call.at - resolved.at} before"
    if request.psa is not None:
        yield from _linked(request.psa, there)
        if not resolved.honoured and request.org_name is None:
            yield "the filter was ignored and there was no name to compare"
    meant = {each.id for each in resolved.what.values() if _meant(request, each, resolved)}
    if meant != {call.org_id}:
        yield f"meant was one of {sorted(meant)}"


def _linked(link: PsaLink, there: Facts) -> Iterator[str]:
    if link.company_id not in {company for _, company in there.links}:
        yield f"its links were {set(there.links)}, asked for was company {link.company_id}"


def _meant(request: DeletionRequest, each: Facts, resolved: Sight[Snapshot]) -> bool:
    """Whether this organization, as it was then, is one that the request can mean."""
    if request.psa is None:
        # IT Glue's filter is exact: a name with a stray space is another one.
        return each.name == comparable(request.org_name or "")
    link = request.psa
    if (link.integration_type, link.company_id) in each.links:
        return True
    return not resolved.honoured and link.company_id in {company for _, company in each.links}


def _policy(call: Call, there: Facts) -> Iterator[str]:
    if there.primary:
        yield "it is the primary organization"
    if there.my_glue:
        yield "it has a MyGlue account"
    yield from _protected(call.policy, there)
    yield from _eligible(call.policy, there, hard=call.asked.method == "DELETE")
    yield from _idle(call, there)


def _protected(policy: PolicySettings, there: Facts) -> Iterator[str]:
    org_id = str(there.id)
    if policy.only_ids and org_id not in policy.only_ids:
        yield "not in only_ids"
    if org_id in policy.protected_ids:
        yield "in protected_ids"
    if any(fnmatch.fnmatchcase(there.name.lower(), p.lower()) for p in policy.protected_names):
        yield "in protected_names"


def _eligible(policy: PolicySettings, there: Facts, *, hard: bool) -> Iterator[str]:
    statuses = policy.eligible_statuses
    if hard and statuses and there.status not in statuses:
        yield f"its status was {there.status}"
    if policy.eligible_types and there.type not in policy.eligible_types:
        yield f"its type was {there.type}"
    tags = set(re.findall(r"#[\w-]+", there.texts.lower()))
    if not set(policy.required_tags) <= tags:
        yield f"its tags were {tags}"
    if tags & set(policy.blocking_tags):
        yield f"it was tagged {tags & set(policy.blocking_tags)}"
    if policy.block_psa_synced and there.psa is not None:
        yield "it was linked to a PSA"


def _idle(call: Call, there: Facts) -> Iterator[str]:
    days = timedelta(days=call.policy.min_idle_days)
    if not days:
        return
    activity = call.reads.activity.get(call.org_id)
    if activity is None or not activity.seen:
        yield "nobody saw its last activity"
        return
    at, newest = activity.at, activity.what
    # The earliest that the activity of a day can have been.
    if newest is not None and at - datetime.combine(newest, time(), UTC) < days:
        yield f"it was used on {newest}"
    if at - datetime.fromisoformat(there.updated_at) < days:
        yield f"it was changed at {there.updated_at}"


def _below(call: Call) -> Iterator[str]:
    placed = call.reads.placed
    if placed is None or not placed.seen:
        yield "nobody saw its sub-organizations"
        return
    if call.at - placed.at > LONGEST_PLAN:
        yield f"sub-organizations were looked for {call.at - placed.at} before"
    # One may name itself as its parent, as the vendor's own example does.
    below = {each.id for each in placed.what.values() if each.parent_id == call.org_id}
    if below - {call.org_id}:
        yield f"it had sub-organizations {below}"


def _dependents(call: Call) -> Iterator[str]:
    approval = call.approval
    forced = call.request.force_delete or (approval is not None and approval.force)
    limits = {
        kind: limit for kind, limit in call.policy.dependency_limits.items() if limit is not None
    }
    kinds = set() if forced else set(limits)
    for kind in kinds | (set(COUNTED) if approval else set()):
        shares = [
            share
            for (counted, org_id, _), share in call.reads.counts.items()
            if (counted, org_id) == (kind, call.org_id)
        ]
        seen = bool(shares) and all(share.seen for share in shares)
        number = sum(share.what for share in shares)
        if kind in kinds and not seen:
            yield f"nobody saw how many {kind} it had"
        elif kind in kinds and number > limits[kind]:
            yield f"it had {number} {kind}"
        # Who was shown "?" approved that it is not known; nor can it be where filters are ignored.
        known = seen and all(share.honoured for share in shares)
        if approval is not None and known and approval.outgrown(kind, number):
            yield f"it had {number} {kind}, and approved were {approval.counts.get(kind)}"
