"""What a process was started with, as a digest: the audit log shows when it changed.

Nothing of a value can be read from it, and of a secret only that it is another one.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import BaseModel
from redis.exceptions import RedisError

from workers.audit.in_force import policy_digest
from workers.audit.keys import derived
from workers.ledger.ledger import Ledger
from workers.processes.stopping import beside
from workers.settings import Settings
from workers.times.clock import Clock

log = structlog.get_logger()
_FIRST_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 5.0
_MOST_NAMED: Final = 50


@dataclass(frozen=True, slots=True)
class Configuration:
    """The effective settings. `values` and `secrets` hold a short hash by dotted name."""

    digest: str
    values: Mapping[str, str]
    secrets: Mapping[str, tuple[str, ...]]

    def changed(self, before: Mapping[str, Any]) -> list[str]:
        """Names of the settings that differ from those recorded before (`plain`)."""
        old = {**before.get("values", {}), **before.get("secrets", {})}
        new = {**self.values, **{name: list(ids) for name, ids in self.secrets.items()}}
        return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        secrets = {name: list(ids) for name, ids in self.secrets.items()}
        return {"digest": self.digest, "values": dict(self.values), "secrets": secrets}


def configuration_of(settings: Settings, keyed: str | None = None) -> Configuration:
    """The settings as hashes. A field is secret if it is hidden from `repr`.

    They are keyed with this one, or else with the newest key, so that a short password cannot be
    guessed from its hash.
    """
    key = derived(keyed or _keys(settings)[0], b"configuration")
    values: dict[str, str] = {}
    secrets: dict[str, tuple[str, ...]] = {}
    for name, value, secret in _fields(settings, ""):
        if not secret:
            values[name] = _short(key, name, value)
        elif value:
            each = value if isinstance(value, list) else [value]
            secrets[name] = tuple(_short(key, name, one) for one in each)
    content = json.dumps([values, secrets], sort_keys=True)
    return Configuration(hashlib.sha256(content.encode()).hexdigest(), values, secrets)


def _keys(settings: Settings) -> tuple[str, ...]:
    return (*settings.secret_keys, settings.itglue.api_key)


def changed_since(before: Mapping[str, Any], settings: Settings) -> list[str]:
    """Names of the settings that differ from those recorded before, under whichever key."""
    told = [configuration_of(settings, each).changed(before) for each in _keys(settings)]
    least = min(told, key=len)
    # Under a key that is gone nothing can be compared.
    return ["secret_keys"] if least and set(before["values"]) <= set(least) else least


def _short(key: bytes, name: str, value: object) -> str:
    text = json.dumps([name, value], sort_keys=True)
    return hmac.digest(key, text.encode(), "sha256").hex()[:16]


def _fields(model: BaseModel, prefix: str) -> Iterator[tuple[str, Any, bool]]:
    """Every setting: dotted name, value as JSON, whether it is secret."""
    plain = model.model_dump(mode="json")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{prefix}{name}.")
        elif isinstance(value, Mapping) and any(isinstance(v, BaseModel) for v in value.values()):
            for key, each in value.items():
                yield from _fields(each, f"{prefix}{name}.{key}.")
        else:
            yield f"{prefix}{name}", plain[name], not field.repr


async def record_configuration(settings: Settings, ledger: Ledger, part: str, clock: Clock) -> None:
    """Write an entry if the settings changed since the last start. Raises RedisError."""
    digest = policy_digest(settings)
    in_force = await ledger.in_force.started(part, digest, clock())
    if in_force != digest:
        log.error(
            "configuration_differs",
            part=part,
            advice="another configuration is in force (that of the service that was started last); "
            "no deletion is granted to this part: restart it with that file",
        )
    configuration = configuration_of(settings)
    before = await ledger.audit.configuration(part)
    if before.get("digest") == configuration.digest:
        return
    changed = changed_since(before, settings) if before else []
    detail = {
        "part": part,
        "digest": configuration.digest,
        "changed": changed[:_MOST_NAMED],
        "more_changed": max(0, len(changed) - _MOST_NAMED),
        "secrets": configuration.plain()["secrets"],
    }
    await ledger.audit.configured(part, configuration.plain(), detail, clock())
    log.info("configuration", part=part, digest=configuration.digest, changed=changed)


@asynccontextmanager
async def recorded(
    settings: Settings, ledger: Ledger, part: str, clock: Clock
) -> AsyncIterator[None]:
    """The same at the start of a process, which waits for one attempt, and not for long.

    A service says it again once an admin accepted the ledger: no other part may say it there.
    """
    tried = asyncio.Event()
    async with beside(_until_recorded(settings, ledger, part, clock, tried)):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(tried.wait(), _FIRST_SECONDS)
        yield


async def _until_recorded(
    settings: Settings, ledger: Ledger, part: str, clock: Clock, tried: asyncio.Event
) -> None:
    said = False
    while part == "service" or not said:
        with contextlib.suppress(RedisError, OSError):
            if not said or await ledger.in_force.unsaid():
                await record_configuration(settings, ledger, part, clock)
            said = True
        tried.set()
        await asyncio.sleep(_AGAIN_SECONDS)
