import pytest

from service.access.peers import peer_of


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        (None, "unknown"),
        ("proxy.example", "unknown"),
    ],
)
def test_the_address_that_counts(host: str | None, counted: str) -> None:
    assert peer_of(host) == counted
