"""`/deletions` and `/deletions/{id}`: which there are, and everything that is known of one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.answers import waits_for
from service.approval import standing
from service.approval.pages import Problem, consequence, counts
from service.console.door.front import Visit
from service.console.page import address, before
from service.console.words import entry_words, outcome
from workers.ledger.deleting.views import View
from workers.ledger.ledger import Ledger
from workers.ledger.listing import Page
from workers.ledger.records import Deletion
from workers.pipeline.result import result_of
from workers.pipeline.states import BLOCKED, CANCELLED, FAILED, STATES
from workers.pipeline.terms import terms_of
from workers.times.clock import precise
from workers.times.durations import in_words

PER_PAGE: Final = 100
_REPLAYABLE: Final = frozenset({FAILED, BLOCKED, CANCELLED})
_LONGEST_SEARCH: Final = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the organization, best source first; "" where nothing is."""

    id: str
    name: str


def subject(deletion: Deletion) -> Subject:
    """The organization of a deletion."""
    organization = deletion.plan.organization if deletion.plan else None
    return _subject(
        {"id": organization.id, "name": organization.name} if organization else None,
        {"org_id": deletion.request.org_id, "org_name": deletion.request.org_name},
        deletion.pinned or {},
        deletion.known_name,
    )


def stored_subject(request: str, plan: str, pinned: str, known_name: str) -> Subject:
    """The same from the fields of its record, of which there may be thousands to look at."""
    organization = json.loads(plan)["organization"] if plan else None
    return _subject(
        organization, json.loads(request), json.loads(pinned or "null") or {}, known_name
    )


def _subject(
    organization: Mapping[str, Any] | None, request: Mapping[str, Any], pinned: Mapping[str, Any],
    known_name: str,
) -> Subject:  # fmt: skip
    if organization is not None:
        return Subject(organization["id"], organization["name"])
    # A replayed one has no plan yet, and still what its first plan found.
    name = request.get("org_name") or pinned.get("name") or known_name
    return Subject(request.get("org_id") or pinned.get("id") or "", name or "")


@dataclass(frozen=True, slots=True)
class Search:
    """A page of the list as its address asks for it."""

    state: str = ""
    source: str = ""
    text: str = ""
    until: datetime | None = None

    def url(self, until: datetime | None) -> str:
        """The address of the same list, from there on."""
        asked = {"state": self.state, "source": self.source, "q": self.text,
                 "until": precise(until)}  # fmt: skip
        return address("/deletions", asked)

    def fits(self, stored: Sequence[bytes]) -> bool:
        """Whether what is searched for is its id, or in its organization's name, as stored."""
        text = self.text.casefold()
        # Most hold it nowhere, and need not be read. But an escape may, or a letter beyond ASCII.
        if all(each.isascii() and b"\\" not in each for each in stored) and not any(
            text.encode() in each.lower() for each in stored
        ):
            return False
        deletion_id, *fields = (each.decode() for each in stored)
        found = stored_subject(*fields)
        return text in {found.id, deletion_id.casefold()} or text in found.name.casefold()


def searched(query: Mapping[str, str]) -> Search:
    """What is asked for. Raises InvalidRequest: there is no such state, or no such time."""
    state, until = query.get("state", ""), before(query)
    if state and state not in STATES:
        raise InvalidRequest(f"state must be one of: {', '.join(STATES)}")
    text = query.get("q", "").strip()[:_LONGEST_SEARCH]
    return Search(state, query.get("source", ""), text, until)


async def find(ledger: Ledger, asked: Search) -> tuple[list[Deletion], datetime | None]:
    """A page of what fits, and from where to look on: after much that did not fit, with less."""
    page = Page(PER_PAGE, asked.source or None, asked.state or None, None, asked.until)
    listed = await ledger.listing.deletions(page, asked.fits if asked.text else None)
    return listed.records, listed.next_until


async def show_all(visit: Visit) -> Response:
    """The list."""
    asked = searched(visit.request.query_params)
    found, until = await find(visit.state.ledger, asked)
    rows = [(each, subject(each), each.errors[0].code if each.errors else "") for each in found]
    return visit.page(
        "deletions.html",
        "Deletions",
        asked=asked,
        rows=rows,
        states=STATES,
        older=asked.url(until) if until else "",
        live=False,
    )


async def show(visit: Visit, problem: Problem | None = None) -> Response:
    """The page of one deletion, with the `problem` of a form that it had. Raises NotFound."""
    state = visit.state
    view = await state.ledger.views.of(visit.request.path_params["deletion_id"])
    deletion = view.deletion
    found = subject(deletion)
    still = deletion.awaits_approval
    left = standing.grace_after(deletion, state.settings) if still else None
    return visit.page(
        "deletion.html",
        found.name or found.id or deletion.id,
        deletion=deletion,
        subject=found,
        mode=state.settings.policy.mode,
        outcome=outcome(deletion),
        waits=waits_for(deletion),
        due=None if deletion.terminal else standing.due_at(deletion),
        counts=counts(deletion.plan) if deletion.plan else [],
        approvers=standing.approvers(deletion, state.settings),
        consequence=consequence(terms_of(deletion, state.settings)),
        after=in_words(left) if left else "",
        journal=[(entry["at"], *entry_words(entry)) for entry in view.journal],
        earlier=[(each, outcome(each)) for each in view.earlier],
        callbacks=view.callbacks,
        request_text=_json(deletion.request.plain()),
        result_text=_json(result_of(deletion)) if deletion.terminal else "",
        live=not deletion.terminal,
        still=still,
        problem=problem,
        said=_SAID,
        typed=visit.form.get("name", ""),
        why=visit.form.get("reason", ""),
        **_buttons(visit, view),
    )


_SAID: Final = {
    "approved": "Approved. The plan is made once more and must be what you saw.",
    "rejected": "Rejected. Nothing was deleted.",
    "cancelled": "Cancelled. Nothing was deleted.",
    "replayed": "It begins again, as your decision.",
    "resent": "Its result is sent again.",
}


def _buttons(visit: Visit, view: View) -> dict[str, Any]:
    """What this operator may do with it now. Whether it is done, the ledger decides."""
    deletion = view.deletion
    return {
        "may_decide": visit.may("approve") and deletion.awaits_approval
        and deletion.asked is not None,
        "asked_by_you": visit.caller.name in deletion.requesters,
        "may_cancel": visit.may() and not deletion.terminal and not deletion.intent.unsettled,
        "may_replay": visit.may("request") and deletion.state in _REPLAYABLE,
        "may_resend": visit.may("request"),
    }  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
