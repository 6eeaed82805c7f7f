"""Whether ConnectWise sends what a source is to receive: told, and put right if that is wished."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from adapters.connectwise.config import ConnectWiseConfig
from adapters.contract import SourceConfig
from adapters.errors import ConfigurationError, PsaError, UnglueError
from adapters.origin import is_loopback
from service.doctor.finding import Finding
from workers.psa.connectwise.callbacks import Callbacks, Registered
from workers.psa.http import PsaHttp
from workers.settings import Settings

_PART: Final = "callbacks"


async def registered_findings(settings: Settings) -> AsyncIterator[Finding]:
    """What differs, of every source whose sender can be asked. Changes nothing."""
    for name, config in settings.sources.items():
        if isinstance(config, ConnectWiseConfig) and config.api is not None:
            async for finding in compared(name, config, settings.public_url, repair=False):
                yield finding


async def compared(
    name: str, config: SourceConfig, public_url: str, *, repair: bool
) -> AsyncIterator[Finding]:
    """What differs; with `repair` it is made right, and what is told is what was done.

    Raises:
        ConfigurationError: the source's vendor has nothing to register, or it has no credentials.
    """
    if not isinstance(config, ConnectWiseConfig) or config.api is None:
        raise ConfigurationError(
            f"source {name!r} cannot be registered: that takes vendor connectwise and credentials "
            f"in [sources.{name}.api]"
        )
    host = urlsplit(public_url)
    if host.scheme != "https" or is_loopback(host.hostname or ""):
        cure = "set public_url to the https address under which ConnectWise reaches this service"
        yield Finding(_PART, "fail", f"{name}: nobody can send to {public_url}", cure)
        return
    async with PsaHttp(name) as http:
        callbacks = Callbacks(config, config.api, http)
        try:
            found = await callbacks.of(public_url, name)
            yield await _first(name, callbacks, found, public_url, repair=repair)
        except PsaError as error:
            yield Finding(_PART, "warn", error.message, _cure(name, error))
            return
    for other in found[1:]:
        cure = "remove it in ConnectWise: DELETE /system/callbacks/" + other.id
        yield Finding(_PART, "warn", f"{name}: callback {other.id} sends the same again", cure)


async def _first(
    name: str, callbacks: Callbacks, found: tuple[Registered, ...], public_url: str, *, repair: bool
) -> Finding:
    cure = f"unglue sources register {name}"
    if not found:
        if not repair:
            message = f"{name}: ConnectWise sends nothing here; no callback is registered"
            return Finding(_PART, "fail", message, cure)
        await callbacks.create(public_url, name)
        return Finding(_PART, "ok", f"{name}: the callback was registered")
    best = found[0]
    if not best.differs:
        return Finding(_PART, "ok", f"{name}: callback {best.id} is as it should be")
    words = ", ".join(f"{what} is {now!r}, not {should!r}" for what, now, should in best.differs)
    if not repair:
        return Finding(_PART, "fail", f"{name}: callback {best.id}: {words}", cure)
    await callbacks.repair(best, public_url, name)
    return Finding(_PART, "ok", f"{name}: callback {best.id} was put right ({words})")


def _cure(name: str, error: UnglueError) -> str:
    if error.code == "PsaRefused":
        return f"let the user of sources.{name}.api read (and to register: add, edit) callbacks"
    return "look at the way there, then ask again"
