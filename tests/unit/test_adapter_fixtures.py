"""Every recorded delivery of every vendor: proved, forged, and read."""

import pytest

from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.support.deliveries import Recorded, described, recorded

ALL = list(recorded())
GENUINE = [delivery for delivery in ALL if "refused" not in delivery.expected]
REFUSED = [delivery for delivery in ALL if "refused" in delivery.expected]


def name(delivery: Recorded) -> str:
    return f"{delivery.folder.name}/{delivery.event}"


def prove(delivery: Recorded, headers: Headers, body: bytes, key: str | None) -> None:
    delivery.adapter.key_url(delivery.config, headers, body)
    delivery.adapter.verify(delivery.config, headers, body, key, delivery.now)


def test_every_vendor_has_recorded_deliveries_with_their_origin() -> None:
    assert {delivery.folder.name for delivery in ALL} == set(VENDORS)
    for delivery in ALL:
        origin = (delivery.folder / "ORIGIN.md").read_text()
        assert f"`{delivery.event}`" in origin, f"{name(delivery)} has no origin"


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_is_proved_and_read(delivery: Recorded) -> None:
    adapter, config = delivery.adapter, delivery.config
    assert adapter.key_url(config, delivery.headers, delivery.body) == delivery.expected.get(
        "key_url"
    )
    prove(delivery, delivery.headers, delivery.body, delivery.key)
    verdicts = adapter.read(config, delivery.headers, delivery.body, delivery.now)
    assert [described(verdict) for verdict in verdicts] == delivery.expected["verdicts"]


@pytest.mark.parametrize("delivery", REFUSED, ids=name)
def test_is_refused(delivery: Recorded) -> None:
    with pytest.raises(SignatureInvalid, match=delivery.expected["refused"]):
        prove(delivery, delivery.headers, delivery.body, delivery.key)


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_is_refused_without_its_headers(delivery: Recorded) -> None:
    with pytest.raises(SignatureInvalid):
        prove(delivery, Headers(()), delivery.body, delivery.key)


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_is_refused_with_each_header_sent_twice(delivery: Recorded) -> None:
    twice = Headers(delivery.headers.items * 2)
    with pytest.raises(SignatureInvalid):
        prove(delivery, twice, delivery.body, delivery.key)


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_what_the_adapter_signs_it_also_proves(delivery: Recorded) -> None:
    adapter, config = delivery.adapter, delivery.config
    signed = adapter.sign(config, delivery.body, delivery.key, "msg_rehearsal", delivery.now)
    prove(delivery, Headers.of(signed), delivery.body, delivery.key)


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_a_vendor_that_signs_notices_every_changed_byte(delivery: Recorded) -> None:
    if not delivery.setting["source"].get("signs", True) or delivery.folder.name in UNSIGNED:
        return
    body = delivery.body
    for at in range(0, len(body), max(1, len(body) // 200)):
        changed = body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]
        with pytest.raises(SignatureInvalid):
            prove(delivery, delivery.headers, changed, delivery.key)


# Proved by a header alone: whoever knows it may send any body, so they never confirm a deletion.
UNSIGNED = {"ninjaone", "halopsa"}
