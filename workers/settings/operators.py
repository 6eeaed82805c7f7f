"""`[operators.<name>]`, `[login]`, `[oidc]`: who may call, and how people get into the console."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AnyHttpUrl, Field, model_validator

from workers.network.addresses import may_be_plain
from workers.settings.section import Section

_SHA256 = re.compile(r"[0-9a-f]{64}")
# A header is believed from a proxy or a few, never from a large part of the internet.
_WIDEST: Final = {4: 8, 6: 32}
# What a proxy or browser sets itself says nothing of who somebody is.
_NOT_A_NAME: Final = frozenset(
    {
        "host", "cookie", "authorization", "forwarded", "via", "user-agent", "referer", "origin",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
    }
)  # fmt: skip
_HEADER: Final = re.compile(r"[a-z0-9-]{1,100}")

Role = Literal["request", "approve", "admin"]


def _token_hash(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(
            'must be the SHA-256 of the token, 64 digits of 0-9 and a-f: printf %s "$TOKEN" | '
            "sha256sum"
        )
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f'{value!r} must be an address or a network, like "10.0.0.0/8"') from None
    # The largest networks of one's own are 10.0.0.0/8 and fc00::/7.
    if network.prefixlen < (8 if network.version == 4 else 7):
        raise ValueError(f"{value!r} is everybody: any sender could choose its own address")
    return value


def _few(value: str) -> str:
    network = ipaddress.ip_network(_network(value))
    if network.prefixlen < _WIDEST[network.version]:
        raise ValueError(
            f"{value!r} is too many: whoever connects from there says who they are; name the "
            "proxies"
        )
    return value


def private_or_https(value: str) -> str:
    """The URL. Raises ValueError: it is neither https nor in a network of one's own."""
    if not may_be_plain(value):
        raise ValueError("must be https: tokens and approvals would cross the net in clear")
    return value


def _issuer(value: str) -> str:
    # Kept to the letter, which is how issuers are compared; a slash at the end counts.
    AnyHttpUrl(value)
    return private_or_https(value)


def _header(value: str) -> str:
    name = value.lower()
    if value and not _HEADER.fullmatch(name):
        raise ValueError(f"{value!r} is no name of a header: letters, digits and -")
    if name in _NOT_A_NAME:
        raise ValueError(f"{value!r} is set for other purposes; take one of its own")
    return name


Network = Annotated[str, AfterValidator(_network)]


class Operator(Section):
    """`[operators.<name>]`: a person or a program that may call the API.

    `sign_on` is the name by which a proxy or an identity provider knows the person.
    """

    token_sha256: Annotated[str, AfterValidator(_token_hash), Field(repr=False)] = ""
    sign_on: Annotated[str, Field(max_length=200)] = ""
    roles: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _can_be_known(self) -> Self:
        if not self.token_sha256 and not self.sign_on:
            raise ValueError("token_sha256 is required, or sign_on: nobody could log in as that")
        return self


class LoginSettings(Section):
    """`[login]`: a proxy that knows who somebody is says so in a header, "" if none does."""

    header: Annotated[str, AfterValidator(_header)] = ""
    header_peers: tuple[Annotated[str, AfterValidator(_few)], ...] = ()

    @model_validator(mode="after")
    def _from_somebody(self) -> Self:
        if self.header and not self.header_peers:
            raise ValueError(
                "header_peers is required with header: whoever connects could say who they are; "
                "name the addresses of the proxies"
            )
        if self.header_peers and not self.header:
            raise ValueError("header is required with header_peers")
        return self


class OidcSettings(Section):
    """`[oidc]`: the provider that knows who somebody is.

    `claim` names the person. With `roles_claim`, what it holds says by `roles` what they may do, so
    that they need not stand in `[operators]`.
    """

    issuer: Annotated[str, AfterValidator(_issuer)] = ""
    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claim: Annotated[str, Field(min_length=1)] = "sub"
    roles_claim: str = ""
    roles: Mapping[str, tuple[Role, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if not self.issuer:
            return self
        if not self.client_id:
            raise ValueError("client_id is required with issuer")
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid: without it nobody is named")
        if bool(self.roles_claim) != bool(self.roles):
            raise ValueError("roles_claim and roles go together")
        return self
