"""Whether this Redis may hold the record: asked before a part begins its work."""

from dataclasses import dataclass
from typing import Any, Literal

import structlog
from redis.exceptions import RedisError

from adapters.counting import counted
from adapters.errors import ConfigurationError
from workers.ledger.installation.account import AnotherAccount
from workers.ledger.installation.form import NewerLedger
from workers.ledger.ledger import Ledger
from workers.times.clock import system_clock
from workers.upkeep.room import EVICTS_NOTHING

log = structlog.get_logger()


class StorageUnfit(ConfigurationError):
    """Redis is set up so that it would lose the record."""

    code = "StorageUnfit"


@dataclass(frozen=True, slots=True)
class Storage:
    """How Redis keeps what it is given. `appendfsync` is `None` where it may not be asked.

    `confirms`: it says when something is on disk; `replicas` is how many are connected.
    """

    maxmemory_policy: str
    append_only: bool
    appendfsync: str | None = None
    confirms: bool = True
    replicas: int = 0

    def faults(
        self, *, fsync: bool, min_replicas: int = 0
    ) -> list[tuple[Literal["fail", "warn"], str, str]]:
        """What is wrong with it, each with its cure; `fsync`: every 202 waits for the disk."""
        found: list[tuple[Literal["fail", "warn"], str, str]] = []
        if self.maxmemory_policy != EVICTS_NOTHING:
            cure = "set maxmemory-policy noeviction: the ledger must not be thrown away"
            found.append(("fail", f"maxmemory-policy is {self.maxmemory_policy}", cure))
        if not self.append_only:
            cure = "set appendonly yes: without it a crash loses what was accepted"
            found.append(("fail" if fsync else "warn", "keeps no append-only file", cure))
        elif self.appendfsync == "no":
            cure = (
                "set appendfsync everysec or always: calls wait until their intent is on disk, "
                "which this server never confirms"
            )
            found.append(("fail", "appendfsync is no", cure))
        elif fsync and self.appendfsync not in {None, "always"}:
            # redis/redis#13793: Redis 7.4 and Valkey confirm once a second's worth is written;
            # others take a second for it.
            cure = (
                'set appendfsync always, or durability = "everysec": WAITAOF is slow now, '
                "and on Valkey and Redis 7.4 it confirms before the disk has it"
            )
            found.append(("fail", f"appendfsync is {self.appendfsync}", cure))
        elif not self.confirms and self.appendfsync is None and fsync:
            cure = "use Redis 7.2 or Valkey, or allow this user CONFIG GET, with appendfsync always"
            what = "neither confirms what is on disk (WAITAOF) nor lets its appendfsync be read"
            found.append(("fail", what, cure))
        elif not self.confirms and self.appendfsync != "always":
            cure = (
                "use Redis 7.2 or Valkey, or set appendfsync always: a power cut may lose the last "
                "two seconds, decisions included"
            )
            found.append(("warn", "cannot confirm what is on disk (WAITAOF)", cure))
        if self.replicas < min_replicas:
            cure = (
                "connect them, or lower min_replicas: until then what is sent goes to the spool, "
                "or is refused, and nothing is deleted"
            )
            many = counted(self.replicas, "replicas are", "replica is")
            what = f"{many} connected, and min_replicas is {min_replicas}"
            found.append(("warn", what, cure))
        return found


async def storage_of(ledger: Ledger) -> Storage:
    """How Redis keeps what it is given. Raises redis.RedisError, OSError: it does not answer."""
    redis = ledger.store.redis
    memory: dict[str, Any] = await redis.info("memory")
    persistence: dict[str, Any] = await redis.info("persistence")
    replication: dict[str, Any] = await redis.info("replication")
    append_only = bool(persistence.get("aof_enabled"))
    return Storage(
        str(memory.get("maxmemory_policy", "unknown")),
        append_only=append_only,
        appendfsync=await ledger.store.appendfsync(),
        confirms=not append_only or await ledger.store.can_confirm(),
        replicas=int(replication.get("connected_slaves", 0)),
    )


async def require_fit(ledger: Ledger) -> None:
    """Go on only with a Redis that keeps the record.

    Raises:
        StorageUnfit: it would lose it, or it is that of another IT Glue account or newer release.
        redis.RedisError, OSError: it does not answer.
    """
    try:
        await ledger.form.require_known(system_clock())
        await ledger.account.require_ours(system_clock())
    except (AnotherAccount, NewerLedger) as error:
        raise StorageUnfit(error.message) from error
    storage = await storage_of(ledger)
    faults = storage.faults(fsync=ledger.store.fsync, min_replicas=ledger.store.min_replicas)
    for level, what, cure in faults:
        if level == "warn":
            log.warning("storage", redis=what, cure=cure)
    unfit = [f"  {what}: {cure}" for level, what, cure in faults if level == "fail"]
    if unfit:
        raise StorageUnfit(
            "Redis cannot hold the ledger, so Unglue does not start:\n" + "\n".join(unfit)
        )
    before, present = await ledger.form.take_on(system_clock())
    if before < present:
        log.info("ledger_form", before=before, now=present)


async def fit_unless_away(ledger: Ledger) -> bool:
    """Whether Redis is there and fit. Raises StorageUnfit: it would lose the record."""
    try:
        await require_fit(ledger)
    except (RedisError, OSError):
        return False
    return True
