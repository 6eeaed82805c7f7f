"""Whether IT Glue answers with this key, and has what `[policy]` names."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from adapters.errors import ITGlueError, PermissionDenied
from adapters.likeness import drawn, likeness
from service.doctor.finding import Finding
from workers.itglue.client import ITGlue
from workers.itglue.models import Organization
from workers.pipeline.gates.patterns import protects
from workers.processes.connections import open_context
from workers.settings import Settings
from workers.settings.policy import PolicySettings


@asynccontextmanager
async def _asking(settings: Settings, *, counted: bool) -> AsyncIterator[ITGlue]:
    """The way to IT Glue; within the budget that all share, if Redis is there to count it."""
    if counted:
        # Somebody who tries a key here must not stop the workers, which may have another one.
        async with open_context(settings, while_stopped=True, counts=False) as context:
            yield context.itglue
        return
    itglue = settings.itglue
    async with ITGlue.connect(
        base_url=itglue.base_url, api_key=itglue.api_key, timeout_seconds=itglue.timeout_seconds
    ) as asked:
        yield asked


async def itglue_findings(settings: Settings, *, counted: bool) -> AsyncGenerator[Finding]:
    """Whether the key is taken, and whether what `[policy]` names is there."""
    part = "it glue"
    async with _asking(settings, counted=counted) as itglue:
        try:
            await itglue.control()
        except PermissionDenied as error:
            cure = "check itglue.api_key and itglue.region; a key of another region is refused"
            yield Finding(part, "fail", error.message, cure)
            return
        except ITGlueError as error:
            cure = "check itglue.base_url and the way there"
            yield Finding(part, "fail", error.message, cure)
            return
        yield Finding(part, "ok", f"{settings.itglue.base_url} accepts the key")
        yield await _statuses(itglue, settings)
        for what in await _idle_safeguards(itglue, settings.policy):
            cure = "correct it in [policy], or take it out; compare the account's own words"
            yield Finding("policy", "warn", what, cure)
        if settings.policy.export:
            yield await _exports(itglue)


async def _statuses(itglue: ITGlue, settings: Settings) -> Finding:
    policy = settings.policy
    soft = policy.mode == "soft_delete"
    wanted = (policy.soft_delete_status,) if soft else policy.eligible_statuses
    try:
        known = await itglue.statuses()
    except ITGlueError as error:
        return Finding("it glue", "fail", error.message, "check the API key's rights")
    missing = [name for name in wanted if name not in known]
    if missing:
        cure = f"the account has: {', '.join(sorted(known))}"
        return Finding("it glue", "fail", f"no status is called {', '.join(missing)}", cure)
    return Finding("it glue", "ok", f"knows the status {' and '.join(wanted) or '(any)'}")


async def _exports(itglue: ITGlue) -> Finding:
    try:
        # Whether export 1 exists is of no interest; whether the key may ask is.
        await itglue.export("1")
    except ITGlueError as error:
        cure = "exports need an API key that may read them; or set policy.export = false"
        return Finding("it glue", "fail", f"exports: {error.message}", cure)
    return Finding("it glue", "ok", "may read exports")


def idle(policy: PolicySettings, organizations: Sequence[Organization]) -> tuple[str, ...]:
    """A line for each pattern, type and id of the policy that means no organization."""
    ids = {each.id for each in organizations}
    types = {each.type for each in organizations if each.type}
    # As the gate compares them: who is told that one means nothing takes it out.
    loose = {drawn(likeness(each)) for each in types}
    unmet = {
        "protected_names": [
            pattern
            for pattern in policy.protected_names
            if not any(protects(pattern, each.name) for each in organizations)
        ],
        "protected_types": [
            it for it in policy.protected_types if drawn(likeness(it)) not in loose
        ],
        "eligible_types": [it for it in policy.eligible_types if it not in types],
        "protected_ids": [it for it in policy.protected_ids if it not in ids],
        "only_ids": [it for it in policy.only_ids if it not in ids],
    }
    return tuple(
        f"policy.{setting}: {given!r} means no organization of the account"
        for setting, missing in unmet.items()
        for given in missing
    )


async def _idle_safeguards(itglue: ITGlue, policy: PolicySettings) -> tuple[str, ...]:
    """The same of the account itself, which is read only if something of the kind is set."""
    if not idle(policy, ()):
        return ()
    try:
        organizations = await itglue.organizations()
    except ITGlueError as error:
        return (f"nobody knows whether its safeguards mean anything: {error.message}",)
    return idle(policy, organizations)
