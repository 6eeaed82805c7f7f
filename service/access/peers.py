"""Who sends, as far as an address tells: what failed is counted together under it."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

UNKNOWN: Final = "unknown"


@lru_cache(maxsize=1024)
def peer_of(host: str | None) -> str:
    """The address whose failures count together: of IPv6 a /64, which is one customer."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
        return str(address.ipv4_mapped)
    return str(address)


def listed(host: str, networks: Iterable[str]) -> bool:
    """Whether a host is an address in one of these networks, also where IPv6 carries IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network) for network in networks)
