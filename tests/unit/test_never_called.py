"""Addresses that nothing may call, and where a token may not be sent in clear."""

import pytest

from adapters.errors import ConfigurationError
from service.terminal.client import ServiceClient
from workers.network.addresses import AddressRefused, choose, may_be_plain
from workers.settings import Settings

METADATA = (
    "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1",
    "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.1.2.3",
    "224.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_a_clouds_metadata_stays_closed_in_networks_of_ones_own(address: str) -> None:
    with pytest.raises(AddressRefused, match="never called"):
        choose("hook.example.com", ["10.0.0.7", address], allow_private=True)


@pytest.mark.parametrize("address", ["10.0.0.7", "127.0.0.1", "::1", "192.168.1.9", "fd00::1"])
def test_other_private_ones_are_open_where_they_are_allowed(address: str) -> None:
    assert choose("hook", [address], allow_private=True) == address


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "::/0", "10.0.0.0/0", "128.0.0.0/1", "8000::/1"])
def test_not_everybody_is_a_proxy(proxies: str) -> None:
    with pytest.raises(ValueError, match=r"everybody|must be an address"):
        Settings(itglue={"api_key": "ITG.x"}, trusted_proxies=[proxies])


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://unglue.example.com", True), ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True), ("http://[::1]:8000", True), ("http://10.1.2.3", True),
        ("http://unglue.example.com", False), ("http://8.8.8.8", False), ("ftp://10.1.2.3", True),
        ("http://localhost.example.com", False),
    ],
)  # fmt: skip
def test_a_token_crosses_no_foreign_net_in_clear(url: str, *, plain: bool) -> None:
    assert may_be_plain(url) is plain


def test_neither_the_command_nor_the_links_do_so() -> None:
    url = "http://unglue.example.com"
    with pytest.raises(ConfigurationError, match="must be https"):
        ServiceClient.from_environment({"UNGLUE_TOKEN": "t", "UNGLUE_URL": url})
    with pytest.raises(ValueError, match="must be https"):
        Settings(itglue={"api_key": "ITG.x"}, public_url=url)
