"""Whether this is the organization that was meant."""

from workers.gates.subject import Subject, answer, comparable
from workers.plan import Answer


def psa_name(subject: Subject) -> Answer:
    """The PSA's name for the client must be IT Glue's name for the organization."""
    request, organization = subject.request, subject.organization
    refusal = None
    if (
        request.psa is not None
        and request.org_name is not None
        and comparable(request.org_name) != comparable(organization.name)
    ):
        refusal = (
            f"the PSA calls this client {request.org_name!r} and IT Glue calls organization "
            f"{organization.id} {organization.name!r}; correct the name or the link, then replay"
        )
    return answer("psa_name", refusal)
