"""Which organization is meant. Exactly one, or none: nothing here guesses."""

from collections.abc import Sequence

from adapters.counting import counted
from adapters.errors import InvalidIdentifier, OrganizationNotFound
from adapters.models import DeletionRequest, PsaLink
from workers.itglue.client import ITGlue
from workers.itglue.contents.together import both
from workers.itglue.models import Organization
from workers.pipeline.identity.naming import hardly_differ, same

_SHOWN = 5


def _only(found: Sequence[Organization], described: str) -> Organization:
    if not found:
        raise OrganizationNotFound(f"no organization in IT Glue is {described}")
    if len(found) > 1:
        listed = ", ".join(f"{item.id} {item.name!r}" for item in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        many = counted(len(found), "organizations")
        raise InvalidIdentifier(f"{many} in IT Glue are {described}: {listed}{more}; ask by org_id")
    return found[0]


async def _by_id(itglue: ITGlue, org_id: str, name: str | None) -> Organization:
    organization = await itglue.organization(org_id)
    if organization is None:
        raise OrganizationNotFound(f"no organization in IT Glue has the id {org_id}")
    if name is not None and not same(name, organization.name):
        raise InvalidIdentifier(
            f"organization {org_id} is called {organization.name!r}, not {name!r}"
            f"{hardly_differ(name, organization.name)}; "
            "org_id and org_name must name the same one"
        )
    return organization


async def _by_name(itglue: ITGlue, name: str) -> Organization:
    """The one of exactly this name, if none other looks the same to people.

    The filter shows only what is equal to the byte, so all names are looked at as well.
    """
    named, alike = await both(itglue.organizations_named(name), itglue.organizations_alike(name))
    found = tuple(each for each in named if same(name, each.name))
    others = {org_id: other for org_id, other in alike if org_id not in {it.id for it in found}}
    if others:
        listed = {**{each.id: each.name for each in found}, **others}
        shown = ", ".join(f"{org_id} {other!r}" for org_id, other in list(listed.items())[:_SHOWN])
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        raise InvalidIdentifier(
            f"{name!r} is not the only name of its like in IT Glue, they differ only in blanks, "
            f"case, signs or characters that look alike: {shown}{more}; ask by org_id"
        )
    return _only(found, f"called {name!r}")


async def _by_link(itglue: ITGlue, link: PsaLink, name: str | None) -> Organization:
    described = f"linked to company {link.company_id} in the PSA ({link.integration_type})"
    linked = await itglue.organizations_linked(link)
    organization = _only(linked.found, described)
    if not linked.filter_honoured and name is None:
        raise InvalidIdentifier(
            f"IT Glue ignored the PSA filter, so only the remote id says that organization "
            f"{organization.id} is {described}; without a name to compare that is not proof enough"
        )
    return organization


async def resolve(itglue: ITGlue, request: DeletionRequest) -> Organization:
    """The one organization that a request means.

    A PSA link alone resolves where it is given; an id beside it must agree, and the name is then
    compared by a gate. An id and a name must agree. A name alone must match exactly once.

    Raises:
        OrganizationNotFound: nothing matches.
        InvalidIdentifier: several match, or two identifiers disagree.
    """
    if request.psa is not None:
        organization = await _by_link(itglue, request.psa, request.org_name)
        if request.org_id not in {None, organization.id}:
            raise InvalidIdentifier(
                f"company {request.psa.company_id} in the PSA ({request.psa.integration_type}) is "
                f"linked to organization {organization.id}, not {request.org_id}; "
                "org_id and psa must name the same one"
            )
        return organization
    if request.org_id is not None:
        return await _by_id(itglue, request.org_id, request.org_name)
    if request.org_name is None:
        raise InvalidIdentifier("org_id or org_name is required")
    return await _by_name(itglue, request.org_name)
