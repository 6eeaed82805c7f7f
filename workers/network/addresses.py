"""Which URLs and addresses may be called: the guard against one that points back inside.

A name is resolved once, every address it has is checked, and the connection is made to a checked
address, so an answer of DNS that changes between check and connect changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from adapters.errors import UnglueError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Not public, or not for callers, whatever this Python's tables say of them.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's host, reachable from every virtual machine
        "192.0.0.0/24",  # protocol assignments; Oracle Cloud's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b:1::/48",  # NAT64 of one's own network
        "2001::/32",  # Teredo: carries any IPv4 address
        "2002::/16",  # 6to4: the same
        "3fff::/20",  # documentation
        "fec0::/10",  # site-local
    )
)

# Where clouds answer with a machine's own credentials: never called, whatever else is allowed.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; AWS, Azure, Google and others
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS over IPv6
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",
        "192.0.0.192/32",  # Oracle Cloud
        "0.0.0.0/8",
        "255.255.255.255/32",
    )
)


class AddressRefused(UnglueError):
    """The host is, or resolves to, an address that must not be called."""

    code = "AddressRefused"
    http_status = 422


class NameUnknown(UnglueError):
    """The host does not resolve now."""

    code = "NameUnknown"
    retryable = True


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the internet.

    Private, loopback, link-local (cloud metadata among them), shared (CGNAT), multicast,
    documentation and reserved ranges are not, nor are IPv6 forms that carry one of them.
    """
    inner = _carried(address)
    return (
        inner.is_global
        and not inner.is_multicast
        and not inner.is_reserved
        and not any(inner in network for network in _REFUSED)
    )


def is_metadata(address: Address) -> bool:
    """Whether a cloud's metadata, or nothing at all, answers there."""
    inner = _carried(address)
    return inner.is_multicast or any(inner in network for network in _NEVER)


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 form carries inside it, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def may_be_plain(url: str) -> bool:
    """Whether a token may be sent there: https, or a network of one's own. Pure."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return False


def target(url: str, *, allowed_hosts: Sequence[str], allow_private: bool) -> tuple[str, int]:
    """Host and port of a URL that may be called, as far as its text tells: pure.

    Plain http is only for networks of one's own. Raises AddressRefused: it must not be called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("it is not a URL") from None
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("it must not carry a user name or a password")
    if allowed_hosts and host not in allowed_hosts:
        raise AddressRefused(f"the host {host!r} is not one of the allowed hosts")
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_private):
        raise AddressRefused("it must be https")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass  # a name: its addresses are checked when it is called
    else:
        choose(host, [host], allow_private=allow_private)
    return host, port or (443 if parts.scheme == "https" else 80)


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """One checked address of the host. Raises AddressRefused, NameUnknown."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(f"the host {host!r} does not resolve ({error})") from None
    return choose(host, [str(entry[4][0]) for entry in found], allow_private=allow_private)


def choose(host: str, addresses: Sequence[str], *, allow_private: bool) -> str:
    """The first of the addresses, if all of them may be called: pure. Raises AddressRefused."""
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not allow_private and not is_public(address):
            raise AddressRefused(f"the host {host!r} is {text}, which is not a public address")
        if is_metadata(address):
            raise AddressRefused(f"the host {host!r} is {text}, which is never called")
    return addresses[0]
