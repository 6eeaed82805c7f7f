"""Which organization is meant. Exactly one, or none: nothing here guesses."""

from collections.abc import Sequence

from adapters.errors import InvalidIdentifier, OrganizationNotFound
from adapters.models import DeletionRequest, PsaLink
from workers.gates.subject import comparable
from workers.itglue.client import ITGlue
from workers.itglue.models import Organization

_SHOWN = 5


def _only(found: Sequence[Organization], described: str) -> Organization:
    if not found:
        raise OrganizationNotFound(f"no organization in IT Glue {described}")
    if len(found) > 1:
        listed = ", ".join(f"{item.id} {item.name!r}" for item in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InvalidIdentifier(
            f"{len(found)} organizations in IT Glue {described}: {listed}{more}; ask by org_id"
        )
    return found[0]


async def _by_id(itglue: ITGlue, org_id: str, name: str | None) -> Organization:
    organization = await itglue.organization(org_id)
    if organization is None:
        raise OrganizationNotFound(f"no organization in IT Glue has the id {org_id}")
    if name is not None and comparable(name) != comparable(organization.name):
        raise InvalidIdentifier(
            f"organization {org_id} is called {organization.name!r}, not {name!r}; "
            "org_id and org_name must name the same one"
        )
    return organization


async def _by_link(itglue: ITGlue, link: PsaLink, name: str | None) -> Organization:
    described = f"is linked to company {link.company_id} in the PSA ({link.integration_type})"
    linked = await itglue.organizations_linked(link)
    organization = _only(linked.found, described)
    if not linked.filter_honoured and name is None:
        raise InvalidIdentifier(
            f"IT Glue ignored the PSA filter, so only the remote id says that organization "
            f"{organization.id} {described}; without a name to compare that is not proof enough"
        )
    return organization


async def resolve(itglue: ITGlue, request: DeletionRequest) -> Organization:
    """The one organization that a request means.

    A PSA link alone resolves where it is given, and the name is then compared by a gate. An id
    and a name must agree. A name alone must match exactly once.

    Raises:
        OrganizationNotFound: nothing matches.
        InvalidIdentifier: several match, or two identifiers disagree.
    """
    if request.psa is not None:
        return await _by_link(itglue, request.psa, request.org_name)
    if request.org_id is not None:
        return await _by_id(itglue, request.org_id, request.org_name)
    if request.org_name is None:
        raise InvalidIdentifier("org_id or org_name is required")
    found = await itglue.organizations_named(request.org_name)
    return _only(found, f"is called {request.org_name!r}")
