"""What the forms do: the same decisions as the API's, with the same audit entries.

Whatever deletes or lets delete asks for the organization's name; what stops never does.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from starlette.responses import RedirectResponse, Response

from adapters.errors import (
    Conflict,
    Forbidden,
    InvalidIdentifier,
    InvalidRequest,
    NotFound,
    TooManyAttempts,
    Unauthorized,
    UnglueError,
)
from service.api.bodies import LONGEST_REASON
from service.api.routes import deletions as api
from service.api.routes import holds, organizations, protections, replays
from service.approval import deciding
from service.approval.names import difference
from service.approval.pages import Problem
from service.approval.refusals import refused
from service.console import deletions, deliveries
from service.console.deletions import subject
from service.console.door.front import Look, Visit
from workers.outbox.approval_link import opened, sealed

_LONGEST_KEY: Final = 100
_NAMED: Final = "console name"
_PASSED_ON: Final = (NotFound, Unauthorized, TooManyAttempts)


_Act = Callable[[Visit, str], Awaitable[str]]


def _about(
    place: str, parameter: str, again: Callable[[Visit, Problem], Awaitable[Response]]
) -> Callable[[_Act], Look]:
    """A form of a record's page: what was refused is told there, above the forms."""

    def of(act: _Act) -> Look:
        async def acted(visit: Visit) -> Response:
            name = visit.request.path_params[parameter]
            try:
                said = await act(visit, name)
            except _PASSED_ON:
                raise
            except UnglueError as error:
                return await again(visit, refused(error))
            return RedirectResponse(f"/{place}/{name}?said={said}", 303)

        return acted

    return of


async def _approve(visit: Visit, deletion_id: str) -> str:
    await deciding.approve(
        visit.state,
        visit.caller,
        await visit.state.ledger.deletions.get(deletion_id),
        # What the form showed, not what is there now.
        seen=visit.form.get("seen", ""),
        force=visit.form.get("force_delete") == "yes",
        reason=visit.form.get("reason", ""),
        org_name=visit.form.get("name", ""),
    )
    return "approved"


async def _reject(visit: Visit, deletion_id: str) -> str:
    deletion = await visit.state.ledger.deletions.get(deletion_id)
    reason = visit.form.get("reason", "")
    await deciding.reject(visit.state, visit.caller, deletion, reason=reason)
    return "rejected"


async def _cancel(visit: Visit, deletion_id: str) -> str:
    await api.stop(visit.state, visit.caller, deletion_id)
    return "cancelled"


async def _replay(visit: Visit, deletion_id: str) -> str:
    visit.caller.require("request")
    deletion = await visit.state.ledger.deletions.get(deletion_id)
    found = subject(deletion)
    # Otherwise it is the same form once more, or too late; the ledger tells them apart.
    if deletion.terminal:
        _typed(visit, found.name, found.id)
        if visit.form.get("mode") != visit.state.settings.policy.mode:
            raise Conflict("what would be done is another thing now than it was; look at it again")
    await api.begin_anew(
        visit.state, visit.caller, deletion.id, once(visit),
        # The end that was shown: one that came since, a person's no perhaps, nobody saw.
        shown=visit.form.get("generation") or "0",
    )  # fmt: skip
    return "replayed"


async def _resend(visit: Visit, _deletion_id: str) -> str:
    await _ordered(visit, "callbacks", visit.form.get("callback", ""))
    return "resent"


_about_deletion: Final = _about("deletions", "deletion_id", deletions.show)
approve: Final = _about_deletion(_approve)
reject: Final = _about_deletion(_reject)
cancel: Final = _about_deletion(_cancel)
replay: Final = _about_deletion(_replay)
resend: Final = _about_deletion(_resend)


def once(visit: Visit) -> str | None:
    """The key that makes a form that is sent twice act once: every page gives out another."""
    key = visit.form.get("once", "")
    return f"console-{key}" if 1 <= len(key) <= _LONGEST_KEY else None


def digest(lines: Iterable[str]) -> str:
    """What a form proves by that it is about what was counted and shown."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


async def _ordered(visit: Visit, what: str, name: str) -> None:
    try:
        asked = replays.ReplayOrder.model_validate({"what": what, "ids": [name]})
    except ValueError:
        raise InvalidRequest("the form names nothing that could be sent again") from None
    found = await replays.chosen(visit.state, asked)
    await replays.order(visit.state, visit.caller, asked, found, once(visit))


async def send_again(visit: Visit) -> Response:
    """Send a result again, from the list of results."""
    await _ordered(visit, "callbacks", visit.request.path_params["callback_id"])
    return RedirectResponse("/results?said=resent", 303)


async def _replay_delivery(visit: Visit, delivery_id: str) -> str:
    visit.caller.require("request")
    await visit.state.ledger.deliveries.get(delivery_id)
    await _ordered(visit, "deliveries", delivery_id)
    return "replayed"


async def _dismiss(visit: Visit, delivery_id: str) -> str:
    await visit.state.ledger.deliveries.get(delivery_id)
    became = await holds.dismissed_by(visit.state, visit.caller, [delivery_id], reason(visit))
    if became[delivery_id] != "dismissed":
        raise Conflict("it holds no deletion, so there is nothing to dismiss")
    return "dismissed"


_about_delivery: Final = _about("deliveries", "delivery_id", deliveries.show)
replay_delivery: Final = _about_delivery(_replay_delivery)
dismiss: Final = _about_delivery(_dismiss)


async def show_kept(visit: Visit, problem: Problem | None = None) -> Response:
    """What keeps an organization, and the form to end that."""
    org_id, state = visit.request.path_params["org_id"], visit.state
    held = await state.ledger.protections.get(org_id)
    noes = [
        each for each in await state.ledger.registers.declined() if each.form == f"org:{org_id}"
    ]
    if held is None and not noes:
        raise NotFound(f"nothing keeps organization {org_id[:20]}")
    name = ""
    if problem is None:
        # While IT Glue does not answer, its id must do.
        with suppress(UnglueError):
            found = await organizations.shown(state, org_id)
            name = found.name if found else ""
    else:
        name = _named(visit, org_id)
    return visit.page(
        "kept.html",
        name or f"Organization {org_id}",
        org_id=org_id,
        name=name,
        named=sealed(state.settings.secret_keys, _NAMED, (org_id, name)),
        held=held,
        noes=noes,
        may_end=visit.may("admin"),
        typed=visit.form.get("name", ""),
        why=visit.form.get("reason", ""),
        problem=problem,
    )


def _named(visit: Visit, org_id: str) -> str:
    """The organization's name as the form showed it."""
    content = opened(visit.state.settings.secret_keys, _NAMED, visit.form.get("named", ""))
    if content is None or content[0] != org_id:
        raise Forbidden("the form did not come from this organization's page; open it again")
    return str(content[1])


async def unprotect(visit: Visit) -> Response:
    """End what keeps an organization."""
    visit.caller.require("admin")
    org_id = visit.request.path_params["org_id"]
    name = _named(visit, org_id)
    try:
        _typed(visit, name, org_id)
        _, warnings = await protections.end(visit.state, visit.caller, org_id, reason(visit))
    except InvalidRequest as error:
        return await show_kept(visit, refused(error))
    return RedirectResponse(f"/protected?said={'again' if warnings else 'ended'}", 303)


def _typed(visit: Visit, name: str, org_id: str) -> None:
    """Go on only if the organization's name was typed, or its id where no name is known."""
    typed = visit.form.get("name", "")
    if not name and typed.strip() != org_id:
        raise InvalidIdentifier("type the organization's IT Glue id; its name is not known")
    if name and (why := difference(typed, name)) is not None:
        raise InvalidIdentifier(why)


async def protect(visit: Visit) -> Response:
    """Protect an organization."""
    org_id = visit.form.get("org_id", "").strip()
    if not (org_id.isascii() and org_id.isdigit() and len(org_id) <= 20):
        raise InvalidIdentifier("org_id must be an IT Glue organization id")
    await protections.keep(visit.state, visit.caller, org_id, reason(visit))
    return RedirectResponse("/protected?said=protected", 303)


def reason(visit: Visit) -> str:
    """The reason that was given. Raises InvalidRequest: none was, or it is too long."""
    given = visit.form.get("reason", "").strip()
    if not 1 <= len(given) <= LONGEST_REASON:
        raise InvalidRequest(f"reason: say why, in 1 to {LONGEST_REASON} characters")
    return given
