"""Whether this is the organization that was meant."""

from workers.pipeline.gates.subject import Subject, refusing
from workers.pipeline.identity.naming import hardly_differ, same


@refusing
def psa_name(subject: Subject) -> str | None:
    """The PSA's name for the client must be IT Glue's name for the organization.

    Where the event names none, that of an earlier genuine event of the client counts.
    """
    request, organization = subject.request, subject.organization
    name = request.org_name or subject.known_name
    if request.psa is not None and name and not same(name, organization.name):
        return (
            f"the PSA calls this client {name!r} and IT Glue calls organization "
            f"{organization.id} {organization.name!r}{hardly_differ(name, organization.name)}; "
            "correct the name or the link, then replay"
        )
    return None
