"""`/v1/protections`: organizations that stay until an admin says otherwise."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidIdentifier
from adapters.models import OrgId
from service.access.operators import Caller
from service.api.answers import answer
from service.api.bodies import Reason, read_body
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from workers.ledger.deleting.protections import Protection

log = structlog.get_logger()


class NewProtection(Reason):
    """The body of `POST /v1/protections`."""

    org_id: OrgId


async def create(request: Request) -> Response:
    """Protect an organization. Once protected, the first protection stands."""
    state, caller = state_of(request), caller_of(request)
    caller.require_any()
    asked = await read_body(request, NewProtection)
    held = await keep(state, caller, asked.org_id, asked.reason)
    return answer(answers.Protection.about(held))


async def keep(state: ServiceState, caller: Caller, org_id: str, reason: str) -> Protection:
    """Protect an organization for this operator. Raises RoleMissing."""
    caller.require_any()
    held = await state.ledger.protections.protect(
        org_id, state.clock(), how="api", by=caller.name, reason=reason
    )
    log.info("protected", org_id=org_id, operator=caller.name)
    return held


async def show_all(request: Request) -> Response:
    """Every protected organization, and every no of a person that stands, newest first."""
    caller_of(request)
    ledger = state_of(request).ledger
    held = await ledger.protections.all()
    noes = await ledger.registers.declined()
    return answer(answers.Protections.model_validate({"protections": held, "declined": noes}))


async def remove(request: Request) -> Response:
    """End a protection. `warnings` says what will protect the organization again."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    org_id = request.path_params["org_id"]
    if not org_id.isdigit():
        raise InvalidIdentifier("org_id must be an IT Glue organization id")
    asked = await read_body(request, Reason)
    ended, warnings = await end(state, caller, org_id, asked.reason)
    return answer(answers.Unprotected.about(ended, warnings=warnings))


async def end(
    state: ServiceState, caller: Caller, org_id: str, reason: str
) -> tuple[Protection, list[str]]:
    """End a protection or a no: it, and what will protect again. Raises RoleMissing, NotFound."""
    caller.require("admin")
    ended = await state.ledger.protections.unprotect(
        org_id, state.clock(), operator=caller.name, reason=reason
    )
    log.info("unprotected", org_id=org_id, operator=caller.name)
    warnings = []
    if org_id in state.settings.policy.protected_ids:
        warnings.append(
            f"organization {org_id} is in policy.protected_ids, which protects it again; take it "
            "out of the file, restart, and end the protection once more"
        )
    return ended, warnings
