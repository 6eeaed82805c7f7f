"""Which addresses and URLs may be called."""

import ipaddress
import socket

import pytest

from workers.network.addresses import (
    AddressRefused,
    NameUnknown,
    choose,
    is_public,
    resolve,
    target,
)

PUBLIC = {
    "IPv4": "8.8.8.8",
    "IPv6": "2606:4700:4700::1111",
    "IPv4 as IPv6": "::ffff:8.8.8.8",
    "IPv4 through NAT64": "64:ff9b::808:808",
}
REFUSED = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.255.255.254",
    "loopback, IPv6": "::1",
    "unspecified": "0.0.0.0",  # noqa: S104 - refused
    "unspecified, IPv6": "::",
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "unique local": "fd12:3456::1",
    "link-local, metadata": "169.254.169.254",
    "link-local, container metadata": "169.254.170.2",
    "link-local, IPv6": "fe80::1",
    "site-local": "fec0::1",
    "metadata, AWS by IPv6": "fd00:ec2::254",
    "metadata, Azure's host": "168.63.129.16",
    "metadata, Oracle": "192.0.0.192",
    "metadata, Alibaba (CGNAT)": "100.100.100.200",
    "CGNAT": "100.64.0.1",
    "protocol assignments": "192.0.0.1",
    "6to4 relay": "192.88.99.1",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "documentation, IPv6": "2001:db8::1",
    "documentation, IPv6, new": "3fff::1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "multicast, IPv6": "ff02::1",
    "multicast, global": "ff0e::1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "discard": "100::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped Azure": "::ffff:168.63.129.16",
    "compatible loopback": "::127.0.0.1",
    "translated loopback": "::ffff:0:127.0.0.1",
    "NAT64 loopback": "64:ff9b::7f00:1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 private": "64:ff9b::10.0.0.1",
    "local NAT64": "64:ff9b:1::808:808",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 public": "2002:808:808::",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "Teredo, public": "2001:0:808:808::f7f7:f7f7",
    "unassigned": "4000::1",
}


@pytest.mark.parametrize("address", PUBLIC.values(), ids=PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def test_every_address_of_a_name_counts() -> None:
    assert choose("x", ["8.8.8.8", "1.1.1.1"], allow_private=False) == "8.8.8.8"
    for addresses in (["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "fd00::1"]):
        with pytest.raises(AddressRefused):
            choose("x", addresses, allow_private=False)
        assert choose("x", addresses, allow_private=True) == addresses[0]


NUMBERS = ["127.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "127.0.0.1", "0"]


@pytest.mark.parametrize("host", [*NUMBERS, "localhost", "localhost.", "LOCALHOST", "ⓛocalhost"])
async def test_every_way_to_write_loopback(host: str) -> None:
    """What the C library takes for an address is judged by what it comes to."""
    with pytest.raises((AddressRefused, NameUnknown)):
        await resolve(host, 80, allow_private=False)


@pytest.mark.parametrize("host", NUMBERS[:5])
async def test_those_ways_do_name_loopback(host: str) -> None:
    """Without this, names that nobody knows would pass the test above."""
    assert await resolve(host, 80, allow_private=True) == "127.0.0.1"


@pytest.mark.parametrize("host", ["", "a" * 64 + ".example", "\ud800", "no such name.invalid"])
async def test_an_impossible_name(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if host.endswith("invalid"):  # the answer of a name service, without asking one
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises((AddressRefused, NameUnknown)):
        await resolve(host, 80, allow_private=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/hook", ("x.example", 443)),
        ("https://X.Example:8443/hook?a=b", ("x.example", 8443)),
        ("https://8.8.8.8/", ("8.8.8.8", 443)),
        ("https://[2606:4700::1111]:1/", ("2606:4700::1111", 1)),
    ],
)
def test_a_url_that_may_be_called(url: str, expected: tuple[str, int]) -> None:
    assert target(url, allowed_hosts=(), allow_private=False) == expected


URLS = {
    "http": "http://x.example/",
    "ftp": "ftp://x.example/",
    "file": "file:///etc/passwd",
    "no scheme": "//x.example/",
    "a user": "https://user@x.example/",
    "a password": "https://user:pass@x.example/",
    "an empty user": "https://@x.example/",
    "another host as user": "https://x.example@evil.example/",
    "loopback": "https://127.0.0.1/",
    "IPv6 loopback": "https://[::1]/",
    "mapped": "https://[::ffff:10.0.0.1]/",
    "a port too far": "https://x.example:70000/",
    "half an address": "https://[::1/",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_that_must_not_be_called(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        target(url, allowed_hosts=(), allow_private=False)
    assert "pass" not in refused.value.message.replace("password", "")


@pytest.mark.parametrize(
    "host", ["x.example.evil.example", "evil.example", "x.example.", "y.x.example"]
)
def test_allowed_hosts_are_exact(host: str) -> None:
    allowed = ("x.example",)
    assert target("https://x.example/", allowed_hosts=allowed, allow_private=False)
    with pytest.raises(AddressRefused, match="not one of the allowed hosts"):
        target(f"https://{host}/", allowed_hosts=allowed, allow_private=False)


def test_ones_own_networks_must_be_allowed() -> None:
    for url in ("http://127.0.0.1:9/", "https://10.0.0.1/", "http://x.internal/"):
        with pytest.raises(AddressRefused):
            target(url, allowed_hosts=(), allow_private=False)
        target(url, allowed_hosts=(), allow_private=True)
    with pytest.raises(AddressRefused):
        target("ftp://127.0.0.1/", allowed_hosts=(), allow_private=True)
