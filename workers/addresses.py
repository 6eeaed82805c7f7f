"""Which addresses may be called: the guard against a URL that points back inside.

A name is resolved once, every address it has is checked, and the connection is made to a checked
address, so an answer of DNS that changes between check and connect changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from adapters.errors import UnglueError

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(UnglueError):
    """The host is, or resolves to, an address that must not be called."""

    code = "AddressRefused"
    http_status = 422


class NameUnknown(UnglueError):
    """The host does not resolve now."""

    code = "NameUnknown"
    retryable = True


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 form carries inside it, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the internet.

    Private, loopback, link-local (cloud metadata among them), shared (CGNAT), multicast,
    documentation and reserved ranges are not, nor are IPv6 forms that carry one of them.
    """
    if isinstance(address, ipaddress.IPv6Address) and (
        address in _LOCAL_NAT64 or address.is_site_local
    ):
        return False
    inner = embedded(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """One checked address of the host.

    Raises:
        AddressRefused: any of its addresses is not public, and private ones are not allowed.
        NameUnknown: it does not resolve.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(f"the host {host!r} does not resolve ({error})") from None
    return choose(host, [str(entry[4][0]) for entry in found], allow_private=allow_private)


def choose(host: str, addresses: Sequence[str], *, allow_private: bool) -> str:
    """The first of the addresses, if all of them may be called: pure.

    Raises:
        AddressRefused: one of them may not.
    """
    for text in addresses:
        if not allow_private and not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise AddressRefused(
                f"the host {host!r} resolves to {text}, which is not a public address"
            )
    return addresses[0]
