"""Whether a vendor sends what a source is to receive: told, put right or removed, as is wished."""

from collections.abc import AsyncGenerator, Callable
from typing import Final
from urllib.parse import urlsplit

from adapters.contract import SourceConfig
from adapters.errors import ConfigurationError, PsaError, UnglueError
from adapters.origin import is_loopback
from service.doctor.finding import Finding
from workers.psa.http import PsaHttp
from workers.psa.registered import Registered
from workers.psa.registration import Registration, registration_of
from workers.settings import Settings

_PART: Final = "callbacks"
_UNSEEN: Final = Registered("", {}, ())


async def registered_findings(settings: Settings) -> AsyncGenerator[Finding]:
    """What differs, of every source whose sender can be asked. Changes nothing."""
    for name, config in settings.sources.items():
        if registration_of(config, PsaHttp(name)) is not None:
            async for finding in compared(name, config, settings.public_url, repair=False):
                yield finding


async def compared(
    name: str,
    config: SourceConfig,
    public_url: str,
    *,
    repair: bool,
    keep: Callable[[], None] | None = None,
) -> AsyncGenerator[Finding]:
    """What differs; with `repair` it is made right, and what is told is what was done.

    `keep` is called once the vendor has the secret, which is a new one.

    Raises:
        ConfigurationError: the source's vendor has nothing to register, or it has no credentials.
    """
    async with PsaHttp(name) as http:
        registration = _required(name, config, http)
        host = urlsplit(public_url)
        if host.scheme != "https" or is_loopback(host.hostname or ""):
            cure = f"set public_url to the https address under which {config.vendor} reaches it"
            yield Finding(_PART, "fail", f"{name}: nobody can send to {public_url}", cure)
            return
        try:
            found = await registration.of(public_url, name)
            if keep is not None:
                found = await _renewed(registration, found, public_url, name)
                keep()
                repair = False
                yield Finding(_PART, "ok", f"{name}: a secret was made, and its file written")
            async for finding in _told(name, registration, found, public_url, repair=repair):
                yield finding
        except PsaError as error:
            yield Finding(_PART, "warn", error.message, _cure(name, error))


async def _renewed(
    registration: Registration, found: tuple[Registered, ...] | None, public_url: str, source: str
) -> tuple[Registered, ...] | None:
    """What is registered, after all of it has the new secret."""
    for each in found or ():
        await registration.repair(each, public_url, source, secret=True)
    if not found:
        await registration.create(public_url, source)
    return await registration.of(public_url, source)


async def removed(name: str, config: SourceConfig, public_url: str) -> AsyncGenerator[Finding]:
    """Take away what sends to this source, and nothing else. Raises ConfigurationError."""
    async with PsaHttp(name) as http:
        registration = _required(name, config, http)
        try:
            found = await registration.of(public_url, name)
            for each in (_UNSEEN,) if found is None else found:
                await registration.remove(each)
                yield Finding(_PART, "ok", f"{name}: {_what(registration, each)} was removed")
        except PsaError as error:
            yield Finding(_PART, "warn", error.message, _cure(name, error))
            return
    if found == ():
        yield Finding(_PART, "ok", f"{name}: no {registration.word} sends here")


def _required(name: str, config: SourceConfig, http: PsaHttp) -> Registration:
    registration = registration_of(config, http)
    if registration is None:
        raise ConfigurationError(
            f"source {name!r} cannot be registered: that takes vendor connectwise, autotask or "
            f"ninjaone, and credentials in [sources.{name}.api]"
        )
    return registration


def _what(registration: Registration, entry: Registered) -> str:
    return f"{registration.word} {entry.id}" if entry.id else f"the {registration.word}"


async def _told(
    name: str,
    registration: Registration,
    found: tuple[Registered, ...] | None,
    public_url: str,
    *,
    repair: bool,
) -> AsyncGenerator[Finding]:
    cure, word = f"unglue sources register {name}", registration.word
    if found is None and not repair:
        message = f"{name}: the vendor does not show which {word} is registered"
        yield Finding(_PART, "ok", message, f"to set it (again): {cure}")
    elif not found and not repair:
        yield Finding(_PART, "fail", f"{name}: nothing is sent here; no {word} is registered", cure)
    elif not found:
        left = await registration.create(public_url, name)
        level: Final = "warn" if left else "ok"
        yield Finding(_PART, level, f"{name}: the {word} was registered", left)
    else:
        yield await _first(name, registration, found[0], public_url, repair=repair)
        for other in found[1:]:
            message = f"{name}: {word} {other.id} sends the same again"
            yield Finding(_PART, "warn", message, f"remove {word} {other.id} at the vendor")


async def _first(
    name: str, registration: Registration, best: Registered, public_url: str, *, repair: bool
) -> Finding:
    what = f"{name}: {_what(registration, best)}"
    words = ", ".join(f"{part} is {now!r}, not {should!r}" for part, now, should in best.differs)
    if best.differs and not repair:
        return Finding(_PART, "fail", f"{what}: {words}", f"unglue sources register {name}")
    if best.differs:
        await registration.repair(best, public_url, name)
    if best.by_hand:
        return Finding(_PART, "fail", f"{what} is not the one that is configured", best.by_hand)
    if best.differs:
        return Finding(_PART, "ok", f"{what} was put right ({words})")
    return Finding(_PART, "ok", f"{what} is as it should be")


def _cure(name: str, error: UnglueError) -> str:
    if error.code == "PsaRefused":
        return f"let the user of sources.{name}.api read (and to register: add, edit) callbacks"
    return "look at the way there, then ask again"
