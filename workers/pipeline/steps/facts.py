"""The facts of a plan: resolve the organization, count what hangs on it, hear who knows it, judge.

Reads only. The same plan is what a dry run shows and what a deletion acts on.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.errors import ITGlueConnectionError, PermissionDenied
from adapters.fields import printable
from adapters.likeness import taken_for
from workers.audit.in_force import policy_digest
from workers.itglue.client import ITGlue
from workers.itglue.contents.together import both
from workers.itglue.models import Inventory, Organization
from workers.itglue.presence.witnesses import normalised
from workers.ledger.deleting.protections import Protection
from workers.ledger.deleting.registers import NOTHING_SAID, Standing
from workers.ledger.records import Deletion
from workers.pipeline.gates import judge
from workers.pipeline.gates.subject import Subject
from workers.pipeline.gates.synced import ADVICE
from workers.pipeline.identity.identities import (
    Client,
    clients_of,
    forms_of,
    further,
    known_as_all,
)
from workers.pipeline.identity.resolve import resolve
from workers.pipeline.plan import Activity, Plan
from workers.pipeline.protection import protection_of
from workers.pipeline.steps import approve
from workers.pipeline.steps.outcome import Context
from workers.pipeline.terms import (
    act_now,
    act_of,
    distrust,
    harder_now,
    schedule_of,
    terms_of,
    word_of,
)
from workers.psa.asking import Said, ask, questions, weighed
from workers.settings import Settings

# Earlier than the documented cut, in case that counts otherwise than Python.
_CUT_AT = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan rests on beside IT Glue's answers: the configuration, and what was said.

    `others` are clients that are known to be the organization's only by what was said.
    """

    settings: Settings
    standing: Standing = NOTHING_SAID
    protection: Protection | None = None
    said: tuple[Said, ...] = ()
    others: frozenset[Client] = frozenset()


def judged(
    deletion: Deletion,
    organization: Organization,
    inventory: Inventory,
    activity: Activity | None,
    settings: Settings,
    now: datetime,
    known: Known,
    configuration: str = "",
) -> Plan:
    """The plan of these facts: pure. `settings` are the terms of the deletion."""
    granted = deletion.granted
    subject = Subject(
        request=deletion.request,
        organization=organization,
        inventory=inventory,
        policy=settings.policy,
        now=now,
        activity=activity,
        by_webhook=deletion.by_webhook,
        protection=known.protection,
        asks=approve.confirms(deletion, settings),
        forced=granted is not None and granted.force,
        standing=known.standing,
        psa_sources=known.settings.psa_sources,
        pinned=deletion.pinned,
        distrust=distrust(deletion, known.settings),
        harder_now=harder_now(deletion, known.settings),
        act_now=act_now(deletion, known.settings),
        overrules_at=deletion.overrules_at,
        overrules=deletion.overrules,
        known_name=deletion.known_name,
        called=_called(deletion, known.standing),
        schedule=schedule_of(deletion, known.settings),
        said=known.said,
        worded_at=deletion.worded_at,
        policy_then=deletion.policy_then,
    )
    warnings = inventory.warnings
    if organization.psa_ids and ADVICE not in warnings:
        warnings = (*warnings, ADVICE)
    return Plan(
        made_at=now,
        organization=organization,
        counts=inventory.counts,
        sub_organizations=inventory.sub_organizations,
        answers=judge(subject),
        warnings=warnings,
        activity=activity,
        act=act_of(settings),
        word=word_of(deletion, known.settings),
        account=inventory.account,
        configuration=configuration,
    )


def _called(deletion: Deletion, standing: Standing) -> str:
    """The client's name by the newest event of its source, "" if none said one."""
    own = (deletion.source, deletion.client)
    return next((each.name for each in standing.registers if (each.source, each.client) == own), "")


async def look(deletion: Deletion, organization: Organization, context: Context) -> Known:
    """What PSAs, sources, persons and the file say of the organization now. Raises PsaError."""
    said = (
        *await heard(deletion, organization, context),
        *await namesakes(deletion, organization, context),
    )
    protection = await protection_of(
        organization,
        context.settings.policy.protected_ids,
        context.ledger.protections,
        context.clock(),
    )
    settings = context.settings
    clients = dict.fromkeys((*deletion.identities, *clients_of(organization, settings.sources)))
    forms = tuple(dict.fromkeys((*known_as_all(organization), *forms_of(deletion.request))))

    async def standing() -> Standing:
        return await context.ledger.registers.standing(
            tuple(clients), forms, deletion.id, organization.id
        )

    first = await standing()
    others = further(
        organization, first.registers, settings.sources, settings.psa_sources, deletion.source
    ).difference(clients)
    if not others:
        return Known(settings, first, protection, said)
    clients |= dict.fromkeys(sorted(others))
    return Known(settings, await standing(), protection, said, others)


async def heard(
    deletion: Deletion, organization: Organization, context: Context
) -> tuple[Said, ...]:
    """What the PSAs that are to be asked say of the organization's companies. Raises PsaError."""
    sources = context.settings.sources
    by, named = deletion.source, deletion.identities
    asked = questions(deletion.request, by, organization, sources, named)
    answers = await ask(asked, context.companies) if asked else ()
    name = deletion.request.org_name or deletion.known_name
    return tuple(
        weighed(question, company, organization, name)
        for question, company in zip(asked, answers, strict=True)
    )


async def namesakes(
    deletion: Deletion, organization: Organization, context: Context
) -> tuple[Said, ...]:
    """Other clients, listed as active, whose organization it may be by its name."""
    name, found = taken_for(organization.name), list[Said]()
    for source, config in context.settings.sources.items():
        if config.dated or not config.catches_up:
            continue
        listed = await context.ledger.catch_ups.known(source)
        found += [
            Said(
                source,
                number,
                "doubt",
                f"source {source} lists client {number} {printable(each.name, 100)!r} as active, "
                "and by its name the organization may be that one's",
            )
            for number, each in (listed.clients.items() if listed is not None else ())
            if each.active
            and not each.missed
            and (source, f"id:{number}") not in deletion.identities
            and taken_for(each.name) == name
        ]
    return tuple(found)


async def make_plan(deletion: Deletion, context: Context) -> tuple[Plan, Known]:
    """A fresh plan, and what it rests on beside IT Glue's answers."""
    found = await resolve(context.itglue, deletion.request)
    settings, now = terms_of(deletion, context.settings), context.clock()
    # As far back as the policy of the first plan asks, too.
    days = max(settings.policy.min_idle_days, (deletion.policy_then or {}).get("min_idle_days", 0))
    organization, (inventory, activity) = await both(
        _whole(context.itglue, found),
        both(
            context.itglue.inventory(found),
            activity_of(context.itglue, found.id, days, now),
        ),
    )
    if activity is not None and not activity.read:
        warnings = (*inventory.warnings, "user metrics may not be read with this API key")
        inventory = replace(inventory, warnings=warnings)
    if inventory.account is not None:
        seen = replace(inventory.account, base_url=normalised(settings.itglue.base_url))
        inventory = replace(inventory, account=seen)
    if deletion.export is not None:
        inventory = deletion.export.contradicted(organization.id, inventory)
    known = await look(deletion, organization, context)
    by = policy_digest(context.settings)
    return judged(deletion, organization, inventory, activity, settings, now, known, by), known


async def _whole(itglue: ITGlue, found: Organization) -> Organization:
    """The organization with all of its quick notes.

    A list cuts them to 250 characters (api.itglue.com/developer), and a tag may stand behind that.
    """
    if len(found.quick_notes or "") < _CUT_AT:
        return found
    organization = await itglue.organization(found.id)
    if organization is None:
        raise ITGlueConnectionError(
            f"IT Glue lists organization {found.id} and does not show it by its id"
        )
    return organization


async def activity_of(itglue: ITGlue, org_id: str, days: int, now: datetime) -> Activity | None:
    """The last activity, if idle time is asked for: it costs a request a week."""
    if days == 0:
        return None
    try:
        newest = await itglue.last_activity(org_id, since=now - timedelta(days=days), now=now)
    except PermissionDenied:
        return Activity(read=False)
    return Activity(read=True, newest=newest)
