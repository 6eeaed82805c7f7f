"""`/v1/organizations/{org_id}`: what IT Glue calls an organization, for whoever names it by id."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidIdentifier, ITGlueConnectionError, OrganizationNotFound
from service.api.answers import answer
from service.api.openapi import answers
from service.api.state import ServiceState, caller_of, state_of
from workers.itglue.models import Organization
from workers.processes.connections import open_context

# Whoever asks waits at a terminal.
_SECONDS = 10.0


async def show(request: Request) -> Response:
    """One organization as IT Glue shows it now: id, name, status and type."""
    caller_of(request)
    org_id = request.path_params["org_id"]
    if not (org_id.isascii() and org_id.isdigit()):
        raise InvalidIdentifier("org_id must be an IT Glue organization id")
    found = await shown(state_of(request), org_id)
    if found is None:
        raise OrganizationNotFound(f"IT Glue shows no organization {org_id}")
    return answer(answers.OrganizationNow.about(found, org_id=found.id, org_name=found.name))


async def shown(state: ServiceState, org_id: str) -> Organization | None:
    """The organization as IT Glue shows it now, if it does. Raises ITGlueConnectionError."""
    try:
        async with (
            asyncio.timeout(_SECONDS),
            open_context(state.settings, memory=state.ledger.store.memory) as context,
        ):
            return await context.itglue.organization(org_id)
    except TimeoutError:
        raise ITGlueConnectionError(f"IT Glue did not answer within {_SECONDS:g} s") from None
