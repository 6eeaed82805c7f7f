"""What `doctor` says of Redis and of the ledger in it: can it be used, is it ours, is it kept."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from service.doctor.finding import Finding
from workers.ledger.installation.condition import Condition, condition, condition_of
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import Clock, to_ms
from workers.upkeep.room import room_of
from workers.upkeep.storage import storage_of
from workers.upkeep.witness import read_witness, witness_places

ACCEPT: Final = "compare it with the PSA, then: unglue resume --accept-ledger --reason ..."
_MOST_OFF_MS: Final = 2000
_OLDEST_REDIS = (6, 2)
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


async def answers(ledger: Ledger) -> tuple[str, Condition | None]:
    """The error that keeps Redis from answering, "" for none; and how it is, `None` for well."""
    store = ledger.store
    try:
        await store.redis.ping()
    except (RedisError, OSError) as error:
        return type(error).__name__, condition_of(error)
    return "", await condition(store.redis, store.key("probe"))


async def redis_findings(
    settings: Settings, ledger: Ledger, trouble: str, how: Condition | None
) -> AsyncGenerator[Finding]:
    """Whether it can be worked with; `trouble` and `how` are what it answered."""
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
    yield _version(await ledger.store.redis.info("server"))


async def storage(_settings: Settings, ledger: Ledger, _clock: Clock) -> AsyncGenerator[Finding]:
    """Whether what is recorded stays, and whether there is room for more."""
    store = ledger.store
    found = await storage_of(ledger)
    faults = found.faults(fsync=store.fsync, min_replicas=store.min_replicas)
    for level, what, cure in faults:
        yield Finding("redis", level, what, cure)
    if not faults:
        yield Finding("redis", "ok", "evicts nothing, and keeps an append-only file")
    if filling := (await room_of(ledger)).warning:
        cure = "raise maxmemory, or find out what fills it: once it is full nothing is taken in"
        yield Finding("redis", "warn", filling, cure)


def _version(server: dict[str, Any]) -> Finding:
    version = str(server.get("valkey_version") or server["redis_version"])
    name = f"{server.get('server_name', 'redis')} {version}"
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        return Finding("redis", "fail", f"{name} is too old", "use Redis 6.2 or Valkey, or newer")
    return Finding("redis", "ok", name)


async def ledger_findings(
    settings: Settings, ledger: Ledger, clock: Clock
) -> AsyncGenerator[Finding]:
    """By which clock it goes, and whether it is the one that is known."""
    before = to_ms(clock())
    server = await ledger.store.server_ms()
    after = to_ms(clock())
    off = max(before - server, server - after)
    if off > _MOST_OFF_MS:
        cure = "set both by NTP: until then this machine dispatches and deletes nothing"
        said = f"differs from the clock of Redis by {off / 1000:.1f} s"
        yield Finding("clock", "fail", said, cure)
    places = witness_places(settings)
    if not places:
        cure = "set state_dir to a folder that is not restored together with Redis"
        said = "nothing outside Redis would show that it was emptied"
        yield Finding("ledger", "warn", said, cure)
    fields = await ledger.store.hash("ledger")
    for path in places:
        try:
            witness = await asyncio.to_thread(read_witness, path)
        except OSError as error:
            cure = "correct its permissions, or remove it"
            yield Finding("ledger", "fail", str(error), cure)
            continue
        accepted = witness is not None and await ledger.store.redis.hexists(
            ledger.store.key("ledger", "accepted"), witness.ledger
        )
        if witness is not None and witness.ledger != fields.get("id") and not accepted:
            said = f"{path} knows another one than Redis holds"
            yield Finding("ledger", "fail", said, ACCEPT)
