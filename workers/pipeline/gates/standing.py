"""What sources and persons said of the organization, beside the one event that asks. Pure.

What a source other than the requester's own says, and what cannot be put in order, is a person's to
decide: these gates ask. A person's no refuses.
"""

from adapters.likeness import taken_for
from workers.ledger.deleting.registers import Decline, Register
from workers.pipeline.gates.subject import Subject, answer, ask, refusing
from workers.pipeline.identity.naming import hardly_differ, same
from workers.pipeline.plan import Answer
from workers.times.clock import moment, rfc3339

_ORG = "org:"
_DOUBTS = {
    "order_unknown": (
        "two events of this client have the same time, or one that lay ahead, and one of them says "
        "that it is active; "
        "look at the client in the PSA"
    ),
    "time_missing": (
        "the event has no signed time, so it may be older than what came before it; "
        "look at the client in the PSA"
    ),
    "before_configuration": (
        "the event came before the configuration in force, and could be read only since; "
        "look whether it is to be done by this one"
    ),
    "before_acceptance": (
        "the event is older than the ledger that an admin accepted; look at the client in the PSA"
    ),
}


def client_active(subject: Subject) -> Answer:
    """A source's newest word, under any identity of the organization, is that it is active."""
    active = [register for register in subject.standing.registers if register.active]
    elsewhere = [each for each in subject.standing.registers if _inactive_elsewhere(each, subject)]
    said = dict.fromkeys(
        (
            *(register.words for register in active),
            *(
                f"{each.words}, and since then that it is inactive only as that of another "
                f"organization ({each.inactive_by[-1].removeprefix(_ORG)})"
                for each in elsewhere
            ),
        )
    )
    # By their number, for two events may come within one second.
    evidence = " ".join(
        f"{each.source}/{each.client}/{each.epoch}/{each.said}" for each in (*active, *elsewhere)
    )
    return ask("client_active", "; ".join(said), evidence)


def _inactive_elsewhere(register: Register, subject: Subject) -> bool:
    """Whether who was active became inactive by an event that names another organization, too."""
    by = register.inactive_by[-1] if register.inactive_by else ""
    other = by.startswith(_ORG) and by != f"{_ORG}{subject.organization.id}"
    return other and register.epoch != "0" and register.state == "inactive"


def psa_says(subject: Subject) -> Answer:
    """What the PSAs said that were asked: a person decides unless each company is inactive.

    An active company of the source that asked is none of a person's: that deletion is cancelled.
    """
    open_yet = [each for each in subject.said if each.state != "inactive"]
    words = "; ".join(each.words for each in open_yet)
    return ask("psa_says", words, " ".join(each.evidence for each in open_yet))


def psa_links(subject: Subject) -> Answer:
    """One link, or every linked company known to be inactive. Unknown links are not "no links"."""
    links = subject.organization.psa_ids
    if links is None:
        refusal = None
        if subject.psa_sources:
            refusal = (
                "IT Glue does not state to which companies of the PSA it is linked, and one of "
                "them may be active"
            )
        return answer("psa_links", refusal)
    kinds = subject.organization.psa_types or ("",) * len(links)
    linked = list(zip(links, kinds, strict=True)) if len(links) > 1 else []
    # One number twice is two companies, and one event is of one of them.
    unknown = [
        link
        for link, kind in linked
        if not _gone(link, kind, subject) or (links.count(link) > 1 and not kind)
    ]
    if not unknown:
        return answer("psa_links", None)
    return ask(
        "psa_links",
        f"it is linked to {len(links)} companies of the PSA: {', '.join(sorted(links))}; that "
        f"{', '.join(sorted(unknown))} is inactive too was never said",
        " ".join(sorted(unknown)),
    )


def _gone(link: str, kind: str, subject: Subject) -> bool:
    """Whether a genuine event said of this company that it is inactive, and none the opposite.

    `kind` is the integration of the link, "" where IT Glue does not say. Then the number may be
    another PSA's, and only a company of the organization's name is meant.
    """
    if len(subject.psa_sources) > 1:
        # Numbers of two PSAs, or of two tenants of one, may be equal, and where a link says whose
        # it is is undocumented.
        return False
    registers = subject.standing.registers
    said = [each for each in registers if each.state and _is(each, link, kind, subject)]
    meant = kind or any(same(each.name, subject.organization.name) for each in said)
    return bool(said and meant) and not any(register.active for register in said)


def _is(register: Register, link: str, kind: str, subject: Subject) -> bool:
    """Whether a register is that of the linked company."""
    own = subject.psa_sources.get(register.source)
    if own is not None:
        return register.client == link and kind in {"", own}
    counter, _, number = register.client.removeprefix("psa:").partition(":")
    named = register.client.startswith("psa:") and number == link
    return named and kind in {"", counter}


def declined(subject: Subject) -> Answer:
    """A person stopped a deletion of this organization, and nobody took that back."""
    noes = [no for no in subject.standing.noes if not _overruled(no, subject)]
    refusal = None
    if noes:
        newest = max(noes, key=lambda each: each.at)
        org_id = subject.organization.id
        refusal = (
            f"{newest.words}; it stays until its client was active again; to delete it all the "
            f"same ask by its name (unglue delete --org-id {org_id} --org-name …), or an admin "
            f"ends that: unglue unprotect {org_id} --reason …"
        )
    return answer("declined", refusal)


def _overruled(no: Decline, subject: Subject) -> bool:
    """Whether who asked knew of it: by the ledger's order, for clocks differ."""
    if no.number:
        return no.number <= subject.overrules
    # An older release wrote down no more than the time.
    return subject.overrules_at is not None and no.at < subject.overrules_at


def event(subject: Subject) -> Answer:
    """Whether the event that asks can be put in order with the others of its client."""
    doubts = subject.standing.doubts
    # One that came up after an approval has its time behind it: it is another one.
    kinds = dict.fromkeys(doubt.partition("@")[0] for doubt in doubts)
    words = "; ".join(_DOUBTS.get(kind, kind.replace("_", " ")) for kind in kinds)
    return ask("event", words, " ".join(doubts))


def proof(subject: Subject) -> Answer:
    """A PSA's number alone proves nothing: a name that agrees is the second proof, or a person."""
    request = subject.request
    words = ""
    if request.psa is not None and not (request.org_name or subject.known_name):
        words = (
            f"only the number {request.psa.company_id} of its link says that this is the client: "
            "the event named none, and none is known from an earlier one; compare the names"
        )
    return ask("proof", words)


def trust(subject: Subject) -> Answer:
    """Whether who asked is still configured, and believed, as when it asked."""
    return ask("trust", subject.distrust)


def act(subject: Subject) -> Answer:
    """Nothing harder is done than what was asked for; that it would be now, a person must know."""
    words = ""
    if subject.harder_now:
        words = (
            f"policy.mode is {subject.harder_now!r} now and was {subject.policy.mode!r} when this "
            f"was asked for; {subject.policy.mode!r} is what will be done; for the other ask again"
        )
    elif subject.act_now:
        words = f"{subject.act_now}; as planned it will be done; for the other ask again"
    return ask("act", words)


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


@refusing
def protection(subject: Subject) -> str | None:
    """Organizations once protected, until an admin ends it, whatever the file says now."""
    held = subject.protection
    if held is not None:
        return (
            f"organization {held.org_id} is protected by {held.words}; an admin can end that: "
            f"unglue unprotect {held.org_id} --reason …"
        )
    return None


def identity(subject: Subject) -> Answer:
    """The organization is still called, made and linked as when it was looked at first.

    One that was made after it was said whom to delete is another client's, or the same one's who
    came back. Of what was looked at before a replay only what stands in `pinned` is compared.
    """
    before, now = subject.pinned or {}, subject.organization.subject()
    moved = [
        f"{name.replace('_', ' ')} was {_shown(before[name])} and is {_shown(now[name])}"
        for name in now
        if name in before and before[name] != now[name]
    ]
    status = subject.organization.status
    # That it follows the PSA to what deletions are for moves nothing.
    for_it = (before.get("status"), subject.policy.soft_delete_status)
    if "status" in before and status not in (*for_it, *subject.policy.eligible_statuses):
        moved.append(f"status was {_shown(before['status'])} and is {_shown(status)}")
    made, worded = moment(subject.organization.created_at), subject.worded_at
    if made is not None and worded is not None and made > worded:
        moved.append(
            f"it was made at {rfc3339(made)}, after what asks for its deletion was said "
            f"({rfc3339(worded)}), so another one was meant, or its client is back"
        )
    if subject.called and taken_for(subject.called) != taken_for(subject.organization.name):
        moved.append(
            f"who asked for it calls this client {subject.called!r} by now, and IT Glue calls the "
            f"organization {subject.organization.name!r}"
        )
    return ask("identity", "; ".join(moved))


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return repr(value)
