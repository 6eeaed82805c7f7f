"""Every recorded delivery of every vendor: proved, forged, and read."""

from datetime import timedelta

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


SIGNED = [
    delivery
    for delivery in GENUINE
    # These two know a header only; whoever learns it may send any body.
    if delivery.folder.name not in {"ninjaone", "halopsa"}
    or "hmac_header" in delivery.setting["source"]
]


@pytest.mark.parametrize("delivery", SIGNED, ids=name)
def test_every_changed_byte_is_noticed(delivery: Recorded) -> None:
    body = delivery.body
    for at in range(0, len(body), max(1, len(body) // 200)):
        changed = body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]
        with pytest.raises(SignatureInvalid):
            prove(delivery, delivery.headers, changed, delivery.key)


@pytest.mark.parametrize("delivery", GENUINE, ids=name)
def test_it_can_be_rehearsed(delivery: Recorded) -> None:
    """The same meaning, proved, bound to the source, new, and of now."""
    adapter, config = delivery.adapter, delivery.config
    now = delivery.now + timedelta(days=30)
    recorded_verdicts = adapter.read(config, delivery.headers, delivery.body, delivery.now)
    if delivery.event.startswith("binary-"):
        with pytest.raises(ValueError, match="not_structured"):
            adapter.rehearse(config, delivery.body, "0badcafe", now)
        return
    seen = {verdict.event_id for verdict in recorded_verdicts}
    for event_id in ("0badcafe", "1badcafe"):
        body = adapter.rehearse(config, delivery.body, event_id, now)
        headers = Headers.of(adapter.sign(config, body, delivery.key, event_id, now))
        adapter.key_url(config, headers, body)
        adapter.verify(config, headers, body, delivery.key, now)
        verdicts = adapter.read(config, headers, body, now)
        assert [type(verdict) for verdict in verdicts] == [type(v) for v in recorded_verdicts]
        assert [getattr(v, "client", None) for v in verdicts] == [
            getattr(v, "client", None) for v in recorded_verdicts
        ]
        for verdict in verdicts:
            assert verdict.event_id not in seen
            assert verdict.sequence is None
            assert verdict.occurred_at in {None, now}
            seen.add(verdict.event_id)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
@pytest.mark.parametrize("body", [b"", b"[", b"7", b"[7]", b'"x"', b"\xff"])
def test_what_is_no_delivery_cannot_be_rehearsed(vendor: str, body: bytes) -> None:
    sample = next(delivery for delivery in GENUINE if delivery.folder.name == vendor)
    with pytest.raises(ValueError, match="not_"):
        sample.adapter.rehearse(sample.config, body, "0badcafe", sample.now)
