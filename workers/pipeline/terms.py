"""The terms of one deletion: what is decided is what is done. Pure.

Of what was asked for or planned and what is configured now the milder counts, and what selected it
(a schedule's criteria) is asked until the call.
"""

import json
from datetime import timedelta
from typing import Any

from adapters.contract import SourceConfig
from adapters.models import PsaIntegration
from workers.bulk.sweep.criteria import narrowed
from workers.ledger.records import Deletion
from workers.settings import Settings
from workers.settings.operators import Role
from workers.settings.policy import MODES, Mode
from workers.settings.schedules import Schedule

_SCHEDULE = "schedule:"


def schedule_of(deletion: Deletion, settings: Settings) -> Schedule | None:
    """The schedule that asked for it, as it is configured now."""
    return settings.sweeps.get(deletion.source.removeprefix(_SCHEDULE)) if deletion.swept else None


def terms_of(deletion: Deletion, settings: Settings) -> Settings:
    """The settings under which this deletion is judged and done."""
    policy = settings.policy
    schedule = schedule_of(deletion, settings)
    mode = min(deletion.asked_mode or policy.mode, policy.mode, key=MODES.index)
    if schedule is not None:
        policy = narrowed(policy, schedule)
        mode = "preview" if schedule.dry_run else mode
    planned = deletion.plan.act if deletion.plan else {}
    kept: dict[str, Any] = {"mode": mode}
    if planned.get("export"):
        logs = policy.export_include_logs or bool(planned["logs"])
        kept |= {"export": True, "export_include_logs": logs}
    if planned.get("status"):
        kept["soft_delete_status"] = planned["status"]
    if (oldest := (deletion.policy_then or {}).get("export_max_age")) is not None:
        kept["export_max_age"] = min(timedelta(seconds=oldest), policy.export_max_age)
    return settings.model_copy(update={"policy": policy.model_copy(update=kept)})


def harder_now(deletion: Deletion, settings: Settings) -> Mode | None:
    """The mode of now, if it is harder than the one under which it was asked for."""
    asked, now = deletion.asked_mode, settings.policy.mode
    return now if asked and MODES.index(now) > MODES.index(asked) else None


def act_now(deletion: Deletion, settings: Settings) -> str:
    """What would be done otherwise now than was planned, in the same mode; "" if nothing."""
    then, now = act_of(terms_of(deletion, settings)), act_of(settings)
    if then["mode"] != now["mode"]:
        return ""
    return ", ".join(
        f"{name} is {now[name]!r} now and was {then[name]!r} when this was planned"
        for name in now
        if now[name] != then[name]
    )


def distrust(deletion: Deletion, settings: Settings) -> str:
    """What changed about who asked for it, so that its word counts for less; "" if nothing did."""
    again = _no_requester(deletion.replayed_by, deletion, settings) if deletion.replayed_by else ""
    return again or _first_distrust(deletion, settings)


def _first_distrust(deletion: Deletion, settings: Settings) -> str:
    """The same of who asked first."""
    if deletion.swept:
        schedule = schedule_of(deletion, settings)
        if schedule is None:
            return f"{deletion.source} asked for it, which is configured no more"
        if deletion.request.confirm_delete and not schedule.confirm_delete:
            return f"{deletion.source} confirmed it, and is not to confirm any more"
        return ""
    if not deletion.by_webhook:
        return _no_requester(deletion.actor, deletion, settings)
    source = settings.sources.get(deletion.source)
    if source is None:
        return f"source {deletion.source} asked for it, which is configured no more"
    if deletion.vendor and source.vendor != deletion.vendor:
        return (
            f"source {deletion.source} was of vendor {deletion.vendor} when it asked, and is of "
            f"{source.vendor} now"
        )
    if deletion.read_by and deletion.read_by != source.meaning:
        return (
            f"source {deletion.source} is configured otherwise than when its event was read: what "
            "counts as inactive, or where that stands, is another now"
        )
    if deletion.request.confirm_delete and not source.may_confirm:
        return f"source {deletion.source} confirmed it, and is not to confirm any more"
    return _ambiguous(deletion, source, settings)


def _ambiguous(deletion: Deletion, source: SourceConfig, settings: Settings) -> str:
    """Why a link does not say whose company it is; "" if it does, or none was named."""
    psa = deletion.request.psa
    if source.itglue_integration is not None and _shared(source.integration_type, settings):
        whose = f"this one's is {source.itglue_integration!r}"
    elif psa is not None and _shared(psa.integration_type, settings):
        whose = f"source {deletion.source} named company {psa.company_id}"
    else:
        return ""
    kind = psa.integration_type if psa is not None else source.integration_type
    return (
        f"several sources are of the integration {kind}, and a link in IT Glue does not say whose "
        f"it is; {whose}"
    )


def _no_requester(name: str, deletion: Deletion, settings: Settings) -> str:
    """What changed about the operator who asked, if it was one."""
    if not _has_operators(settings) and not deletion.asked_as:
        return ""
    roles = _roles_of(name, settings)
    if roles is None:
        return f"operator {name} asked for it, who is configured no more"
    if "request" not in roles:
        return f"operator {name} asked for it, and may not ask for deletions any more"
    return ""


def no_approver(name: str, settings: Settings) -> str:
    """What changed about who approved it, so that the approval is void; "" if nothing did."""
    if not _has_operators(settings) or "approve" in (_roles_of(name, settings) or ()):
        return ""
    return f"operator {name} approved it, and may not approve any more"


def _has_operators(settings: Settings) -> bool:
    return bool(settings.operators or settings.oidc.roles_claim)


def _roles_of(name: str, settings: Settings) -> set[Role] | None:
    """What an operator may do now, `None` for one who is not known.

    Of whom the identity provider names only the provider can say more: what any group may do.
    """
    operator, oidc = settings.operators.get(name), settings.oidc
    claimed = oidc.roles_claim and (operator is None or operator.sign_on)
    if operator is None and not claimed:
        return None
    given = {role for roles in oidc.roles.values() for role in roles} if claimed else set()
    return given.union(operator.roles if operator else ())


def known_as(name: str, settings: Settings) -> str:
    """By what a person of this name is told from others, "" if nobody is called so now."""
    operator, oidc = settings.operators.get(name), settings.oidc
    if operator is None and not (name and oidc.roles_claim):
        return ""
    if operator is not None and not operator.sign_on:
        return "token"
    return json.dumps([operator.sign_on if operator else "", oidc.issuer, oidc.claim])


def not_told_apart(deletion: Deletion, settings: Settings) -> str:
    """Why whoever approves may be who asked, under another name; "" if that cannot be."""
    asker = deletion.replayed_by or deletion.actor
    if deletion.asked_as in {"", known_as(asker, settings)}:
        return ""
    return (
        f"operator {asker} asked for it, and may be known by another name since the configuration "
        "was changed, so nobody can be told from who asked; reject it, and have it asked for again"
    )


def _shared(integration_type: PsaIntegration | None, settings: Settings) -> bool:
    kinds = [source.integration_type for source in settings.sources.values()]
    return integration_type is not None and kinds.count(integration_type) > 1


def act_of(settings: Settings) -> dict[str, Any]:
    """What would be done, as the plan's digest covers it."""
    policy = settings.policy
    logs = policy.export and policy.export_include_logs
    match policy.mode:
        case "soft_delete":
            # The copy is made with the next mode that deletes, and not forgotten until then.
            later = {"export": True, "logs": logs} if policy.export else {}
            return {"mode": policy.mode, "status": policy.soft_delete_status, **later}
        case "delete":
            return {"mode": policy.mode, "export": policy.export, "logs": logs}
        case _:
            return {"mode": policy.mode}


def word_of(deletion: Deletion, settings: Settings) -> dict[str, Any]:
    """On whose word it is done, as the plan's digest covers it."""
    schedule = schedule_of(deletion, settings)
    source = settings.sources.get(deletion.source) if deletion.by_webhook else None
    criteria = {"statuses", "types", "required_tags", "idle_days"}
    return {
        "source": deletion.source,
        "vendor": deletion.vendor,
        "confirmed": deletion.request.confirm_delete,
        "believed": source.may_confirm if source is not None else None,
        "criteria": schedule.model_dump(mode="json", include=criteria) if schedule else None,
    }
