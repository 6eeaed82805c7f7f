"""Whether people can log in by the identity provider that is configured."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from adapters.errors import UnglueError
from service.access.claims import SignOnFailed
from service.console.door.sign_on import open_provider
from service.doctor.finding import Finding
from workers.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.access.oidc import Provider

_PART: Final = "sign-on"


async def sign_on_findings(settings: Settings) -> AsyncGenerator[Finding]:
    """What the provider says of itself, its keys, and whether it knows this client."""
    try:
        provider = open_provider(settings)
    except UnglueError as error:
        yield Finding(_PART, "fail", error.message, "install unglue[oidc], or remove [oidc]")
        return
    if provider is None:
        return
    try:
        about = await provider.about()
    except SignOnFailed as error:
        cure = "correct oidc.issuer, to the letter as the provider calls itself; or the way there"
        yield Finding(_PART, "fail", f"{settings.oidc.issuer}: {error.message}", cure)
        return
    yield Finding(_PART, "ok", f"{settings.oidc.issuer} answers, and calls itself so")
    yield await _keys(provider, about)
    yield await _client(provider, about, settings)


async def _keys(provider: "Provider", about: "Mapping[str, Any]") -> Finding:
    cure = "ask whoever runs the provider; until then nobody can log in by it"
    try:
        if await provider.usable_keys(about):
            return Finding(_PART, "ok", "shows keys to check its tokens with")
    except SignOnFailed as error:
        return Finding(_PART, "fail", f"shows no keys: {error.message}", cure)
    return Finding(_PART, "fail", "shows no key that can be used", cure)


async def _client(provider: "Provider", about: "Mapping[str, Any]", settings: Settings) -> Finding:
    client = settings.oidc.client_id
    try:
        refused = await provider.refused_client(about)
    except SignOnFailed as error:
        cure = "look at the way to its token_endpoint"
        return Finding(_PART, "fail", f"whether it knows {client}: {error.message}", cure)
    if refused:
        cure = "correct oidc.client_id and oidc.client_secret"
        return Finding(_PART, "fail", f"does not accept the client {client}: {refused}", cure)
    return Finding(_PART, "ok", f"accepts the client {client}")
