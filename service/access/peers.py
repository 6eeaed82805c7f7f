"""Who sends, as far as an address tells: what failed is counted together under it."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address


@lru_cache(maxsize=1024)
def peer_of(host: str | None) -> str:
    """The address whose failures count together: of IPv6 a /64, which is one customer."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
        return str(address.ipv4_mapped)
    return str(address)
