"""Is this installation able to do its work? Every check against the real services, with a cure."""

import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from adapters.errors import ITGlueError, PermissionDenied, UnglueError
from service.doctor.caught_up import caught_up_findings
from service.doctor.configuration import exposed, in_force
from service.doctor.finding import Finding, alone
from service.doctor.holds import held_findings
from service.doctor.ledger import ACCEPT, ledger_findings
from service.doctor.pilot import unnoticed
from service.doctor.policy import idle_safeguards
from service.doctor.psa import psa_findings
from service.doctor.registered import registered_findings
from service.doctor.sign_on import sign_on_findings
from service.doctor.work import work_findings
from workers.itglue.client import ITGlue
from workers.ledger.installation.condition import Condition, condition, condition_of
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, SERVICE, WORKER
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.network.addresses import resolve
from workers.outbox.notify import targets_of
from workers.processes.connections import open_context
from workers.processes.runtime import open_ledger
from workers.settings import Settings
from workers.settings.enforcement import asks_for_approval, unenforced
from workers.times.clock import rfc3339, system_clock
from workers.upkeep.room import room_of
from workers.upkeep.silence import GONE
from workers.upkeep.storage import storage_of

__all__ = ["Finding", "examine"]

_OLDEST_REDIS = (6, 2)
_LITTLE_ROOM, _NO_ROOM = 2**30, 2**26
# How Redis may be where it is there and of no use, and what cures it.
_UNFIT: Final[Mapping[Condition | None, tuple[str, str]]] = {
    "certificate": ("its certificate is not believed", "set redis_ca, or correct redis_url"),
    "password": ("refuses the password, or its user may not do this", "correct redis_url"),
    "loading": ("is still reading its files", "ask again when it is done"),
    "read-only": (
        "takes no writes: it cannot write its own files, or is a replica",
        "see whether its disk is full; or correct redis_url",
    ),
    "out of memory": ("is full: it takes no writes", "raise maxmemory, or see what fills it"),
}
# Of each part: what stays undone without it, and how it is started.
_PARTS = (
    (SERVICE, "no webhook is taken in, and no command answered", "unglue serve"),
    (SCHEDULER, "what waits is never looked at again", "unglue scheduler"),
    (WORKER, "what is accepted stays queued", "unglue worker"),
    (
        OUTBOX,
        "results and notifications stay where they are",
        "unglue outbox, or a worker without --no-outbox",
    ),
)


async def examine(settings: Settings) -> AsyncGenerator[Finding]:
    """Every check, one after the other. Each stands alone: none needs that another works."""
    trouble, how = await _answers(settings)
    checks = [
        ("configuration", _each(_configuration(settings))),
        ("configuration", _each(exposed(os.environ))),
        ("redis", _redis(settings, trouble, how)),
    ]
    if not trouble:
        checks += [
            ("redis", _storage(settings)),
            ("scheduler", _heartbeats(settings)),
            ("outbox", _receivers(settings)),
            ("configuration", _in_force(settings)),
            ("sources", _gone(settings)),
            ("ledger", _ledger(settings)),
            ("deletions", _pauses(settings)),
            ("deletions", _work(settings)),
            ("catch-up", _caught_up(settings)),
        ]
    checks += [
        ("it glue", _itglue(settings, counted=not trouble)),
        ("psa", psa_findings(settings)),
        ("callbacks", registered_findings(settings)),
        ("sign-on", sign_on_findings(settings)),
        ("callback", _callback(settings)),
        ("notifications", _notifications(settings)),
        ("heartbeat", _heartbeat(settings)),
        ("sources", _key_servers(settings)),
        ("policy", _each(unnoticed(settings))),
        ("folders", _each(_folders(settings))),
    ]
    for part, check in checks:
        async with aclosing(alone(part, check)) as findings:
            async for finding in findings:
                yield finding


async def _each(findings: Iterable[Finding]) -> AsyncGenerator[Finding]:
    for finding in findings:
        yield finding


def _folders(settings: Settings) -> Iterator[Finding]:
    if settings.policy.export:
        yield _folder("exports", "policy.export_dir", Path(settings.policy.export_dir))
    if settings.spool_dir:
        yield _folder("spool", "spool_dir", Path(settings.spool_dir))
    if settings.state_dir:
        yield _folder("ledger", "state_dir", Path(settings.state_dir))
    if settings.audit.file:
        file = Path(settings.audit.file)
        yield _folder("audit", "audit.file", file if file.exists() else file.parent, file)


def _configuration(settings: Settings) -> list[Finding]:
    part = "configuration"
    found = [
        Finding(part, "fail", f"cannot be enforced: {name}", "see docs/configuration.md")
        for name in unenforced(settings)
    ]
    if not any("request" in operator.roles for operator in settings.operators.values()):
        cure = "add one to [operators] if people or programs are to call the API"
        found.append(Finding(part, "warn", "no operator has the role request", cure))
    found += _approvals(settings)
    if settings.samples:
        message = f"secrets of the README, which everybody knows: {', '.join(settings.samples)}"
        cure = "make your own before anybody else can reach this: unglue init, unglue operators add"
        found.append(Finding(part, "warn", message, cure))
    if not settings.sources:
        found.append(Finding(part, "warn", "no source sends webhooks", "add one to [sources]"))
    if settings.callback.url is None:
        cure = "set callback.url, or give callback_url with each request"
        found.append(Finding(part, "warn", "results are sent nowhere", cure))
    return found or [Finding(part, "ok", f"mode {settings.policy.mode}")]


def _approvals(settings: Settings) -> list[Finding]:
    """Whether those who are to approve will hear of it, and may."""
    part = "approvals"
    found = []
    if not any(asks_for_approval(settings)):
        return []
    if not settings.secret_keys:
        cure = "set secret_keys: at least 32 random characters"
        found.append(Finding(part, "warn", "links to approve with cannot be signed", cure))
    if not targets_of("approval_wanted", settings.notifications):
        cure = "add approval_wanted to the kinds of one of [notifications]"
        found.append(Finding(part, "warn", "nobody is told what waits for approval", cure))
    approvers = [name for name, each in settings.operators.items() if "approve" in each.roles]
    if len(approvers) == 1:
        cure = "give another operator the role approve; nobody approves a request of their own"
        found.append(Finding(part, "warn", f"only {approvers[0]} may approve", cure))
    return found


async def _answers(settings: Settings) -> tuple[str, Condition | None]:
    """The error that keeps Redis from answering, "" for none; and how it is, `None` for well."""
    async with open_ledger(settings) as ledger:
        store = ledger.store
        try:
            await store.redis.ping()
        except (RedisError, OSError) as error:
            return type(error).__name__, condition_of(error)
        return "", await condition(store.redis, store.key("probe"))


async def _redis(
    settings: Settings, trouble: str, how: Condition | None
) -> AsyncGenerator[Finding]:
    if how in _UNFIT:
        yield Finding("redis", "fail", *_UNFIT[how])
    elif how is not None and not trouble:
        yield Finding("redis", "fail", f"takes no writes: {how}", "look at its log")
    elif trouble:
        cure = "start it, or correct redis_url"
        if settings.redis_url is None:
            cure = "start: unglue up, which brings one along; or set redis_url"
        yield Finding("redis", "fail", f"does not answer ({trouble})", cure)
    if trouble:
        message = "not looked at without Redis: who is alive, what is paused, held or overdue"
        yield Finding("ledger", "warn", message, "ask again when it answers")
        return
    async with open_ledger(settings) as ledger:
        yield _version(await ledger.store.redis.info("server"))


async def _storage(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        store = ledger.store
        storage = await storage_of(ledger)
        faults = storage.faults(fsync=store.fsync, min_replicas=store.min_replicas)
        for level, what, cure in faults:
            yield Finding("redis", level, what, cure)
        if not faults:
            yield Finding("redis", "ok", "evicts nothing, and keeps an append-only file")
        filling = (await room_of(ledger)).warning
        if filling:
            cure = "raise maxmemory, or find out what fills it: once it is full nothing is taken in"
            yield Finding("redis", "warn", filling, cure)


async def _in_force(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        for level, message, cure in await in_force(settings, ledger, system_clock()):
            yield Finding("configuration", level, message, cure)


async def _gone(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        for name, last in (await ledger.sources.others(settings.sources)).items():
            message = f"{name} sent something at {rfc3339(last)} and is not configured any more"
            yield Finding("sources", "warn", message, GONE)


async def _ledger(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        async for check in ledger_findings(settings, ledger, system_clock):
            yield Finding(*check)


async def _pauses(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        for held in await held_findings(ledger):
            yield Finding(*held)
        for pause in await ledger.stop_switch.pauses():
            lost = pause.cause == LEDGER_LOST
            cure = ACCEPT if lost else "when its reason is gone: unglue resume"
            yield Finding("deletions", "warn", pause.words, cure)


async def _work(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        for found in await work_findings(settings, ledger, system_clock()):
            yield Finding(*found)


async def _caught_up(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        async for found in caught_up_findings(settings, ledger, system_clock()):
            yield found


def _version(server: dict[str, Any]) -> Finding:
    version = str(server.get("valkey_version") or server["redis_version"])
    name = f"{server.get('server_name', 'redis')} {version}"
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        return Finding("redis", "fail", f"{name} is too old", "use Redis 6.2 or Valkey, or newer")
    return Finding("redis", "ok", name)


async def _heartbeats(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_ledger(settings) as ledger:
        for part, without, cure in _PARTS:
            if await ledger.heartbeats.alive(part):
                yield Finding(part, "ok", "alive")
            else:
                yield Finding(part, "fail", f"none is alive: {without}", f"start: {cure}")


async def _receivers(settings: Settings) -> AsyncGenerator[Finding]:
    """Who cannot be reached, of those whom results and notifications go to."""
    async with open_ledger(settings) as ledger:
        for host, since in (await ledger.hosts.all_silent()).items():
            message = f"{host} has not answered since {rfc3339(since)}; what is for it waits"
            yield Finding("outbox", "warn", message, "look at it; unglue results shows what waits")
        for name, status in (await ledger.hosts.failing_targets()).items():
            if name in settings.notifications:
                seen = "no answer" if status is None else f"status {status}"
                cure = f"correct notifications.{name}.url, then: unglue notifications test"
                yield Finding("notifications", "warn", f"{name} fails: {seen}", cure)


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


async def _itglue(settings: Settings, *, counted: bool) -> AsyncGenerator[Finding]:
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
        for what in await idle_safeguards(itglue, settings.policy):
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


async def _callback(settings: Settings) -> AsyncGenerator[Finding]:
    callback = settings.callback
    if callback.url is not None:
        private = callback.allow_private_networks
        yield await _way("callback", "callback", callback.url, allow_private=private)


async def _notifications(settings: Settings) -> AsyncGenerator[Finding]:
    if not settings.notifications:
        cure = "add one to [notifications]: a deletion that failed is seen by nobody else"
        yield Finding("notifications", "warn", "no notification target", cure)
    for name, target in settings.notifications.items():
        private = target.allow_private_networks
        table = f"notifications.{name}"
        yield await _way("notifications", table, target.url, allow_private=private)


async def _heartbeat(settings: Settings) -> AsyncGenerator[Finding]:
    heartbeat = settings.heartbeat
    if heartbeat.url is not None:
        private = heartbeat.allow_private_networks
        yield await _way("heartbeat", "heartbeat", heartbeat.url, allow_private=private)


async def _key_servers(settings: Settings) -> AsyncGenerator[Finding]:
    """Where a vendor keeps its own signing keys: without them its deliveries are not proved."""
    for name, source in settings.sources.items():
        origin = getattr(source, "key_origin", None)
        if isinstance(origin, str):
            # As they are fetched: plain http is for this machine.
            private = origin.startswith("http://")
            found = await _way("sources", f"sources.{name}", origin, allow_private=private)
            cure = f"correct sources.{name}.host or .key_origin, or the name service"
            message = f"signing keys of {name}: {found.message}"
            yield Finding("sources", found.level, message, cure)


async def _way(part: str, table: str, url: str, *, allow_private: bool) -> Finding:
    """Whether the host has addresses that may be called. The rest of the URL may be secret."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = await resolve(host, port, allow_private=allow_private)
    except UnglueError as error:
        cure = f"correct {table}.url, or see {table}.allow_private_networks"
        return Finding(part, "fail", error.message, cure)
    return Finding(part, "ok", f"{host} resolves to {address}")


def _folder(part: str, setting: str, folder: Path, file: Path | None = None) -> Finding:
    """Whether a folder, or a `file` in it, can be written, and whether there is room."""
    told = file or folder
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    fits = nearest.is_file() if nearest == file else nearest.is_dir()
    if not (fits and os.access(nearest, os.W_OK)):
        cure = f"correct {setting}, or its permissions"
        return Finding(part, "fail", f"{told} cannot be written", cure)
    free = shutil.disk_usage(nearest).free
    if free < _LITTLE_ROOM:
        message = f"{told}: only {free // 2**20} MB are free on its disk"
        return Finding(part, "warn" if free > _NO_ROOM else "fail", message, "make room")
    return Finding(part, "ok", f"{told} can be written")
