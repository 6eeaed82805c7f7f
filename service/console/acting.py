"""What the forms do: the same decisions as the API's, with the same audit entries.

Whatever deletes or lets delete asks for the organization's name; what stops never does.
"""

from collections.abc import Awaitable, Callable
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
from service.api.routes import deletions as api
from service.api.routes import holds, organizations, protections, replays
from service.approval import deciding
from service.approval.names import difference
from service.approval.refusals import refused
from service.console.deletions import shown, subject
from service.console.deliveries import shown as delivery_shown
from service.console.door.front import Look, Visit
from workers.ledger.records import Deletion
from workers.outbox.approval_link import opened, sealed

_LONGEST_KEY: Final = 100
_NAMED: Final = "console name"
_PASSED_ON: Final = (NotFound, Unauthorized, TooManyAttempts)


def _about_deletion(act: Callable[[Visit, Deletion], Awaitable[str]]) -> Look:
    """The form of a deletion's page: what was refused is told there, above the forms."""

    async def acted(visit: Visit) -> Response:
        deletion = await visit.state.ledger.deletions.get(visit.request.path_params["deletion_id"])
        try:
            said = await act(visit, deletion)
        except _PASSED_ON:
            raise
        except UnglueError as error:
            return await shown(visit, deletion.id, problem=refused(error), status=error.http_status)
        return RedirectResponse(f"/deletions/{deletion.id}?said={said}", 303)

    return acted


async def _approve(visit: Visit, deletion: Deletion) -> str:
    await deciding.approve(
        visit.state,
        visit.caller,
        deletion,
        # What the form showed, not what is there now.
        seen=visit.form.get("seen", ""),
        force=visit.form.get("force_delete") == "yes",
        reason=visit.form.get("reason", ""),
        org_name=visit.form.get("name", ""),
    )
    return "approved"


async def _reject(visit: Visit, deletion: Deletion) -> str:
    reason = visit.form.get("reason", "")
    await deciding.reject(visit.state, visit.caller, deletion, reason=reason)
    return "rejected"


async def _cancel(visit: Visit, deletion: Deletion) -> str:
    await api.stop(visit.state, visit.caller, deletion.id)
    return "cancelled"


async def _replay(visit: Visit, deletion: Deletion) -> str:
    visit.caller.require("request")
    found = subject(deletion)
    # Otherwise it is the same form once more, or too late; the ledger tells them apart.
    if deletion.terminal:
        _typed(visit, found.name, found.id)
    await api.begin_anew(visit.state, visit.caller, deletion.id, once(visit))
    return "replayed"


async def _resend(visit: Visit, _deletion: Deletion) -> str:
    await _ordered(visit, "callbacks", visit.form.get("callback", ""))
    return "resent"


approve: Final = _about_deletion(_approve)
reject: Final = _about_deletion(_reject)
cancel: Final = _about_deletion(_cancel)
replay: Final = _about_deletion(_replay)
resend: Final = _about_deletion(_resend)


def once(visit: Visit) -> str | None:
    """The key that makes a form that is sent twice act once: every page gives out another."""
    key = visit.form.get("once", "")
    return f"console-{key}" if 1 <= len(key) <= _LONGEST_KEY else None


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


def _about_delivery(act: Callable[[Visit, str], Awaitable[str]]) -> Look:
    async def acted(visit: Visit) -> Response:
        delivery_id = visit.request.path_params["delivery_id"]
        try:
            said = await act(visit, delivery_id)
        except _PASSED_ON:
            raise
        except UnglueError as error:
            return await delivery_shown(
                visit, delivery_id, problem=refused(error), status=error.http_status
            )
        return RedirectResponse(f"/deliveries/{delivery_id}?said={said}", 303)

    return acted


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


replay_delivery: Final = _about_delivery(_replay_delivery)
dismiss: Final = _about_delivery(_dismiss)


async def show_kept(visit: Visit) -> Response:
    """What keeps an organization, and the form to end that."""
    return await _kept(visit)


async def _kept(
    visit: Visit, *, problem: tuple[str, str] | None = None, status: int = 200
) -> Response:
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
        status=status,
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
        return await _kept(visit, problem=refused(error), status=error.http_status)
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
    if not 1 <= len(given) <= deciding.LONGEST_REASON:
        raise InvalidRequest(f"reason: say why, in 1 to {deciding.LONGEST_REASON} characters")
    return given
