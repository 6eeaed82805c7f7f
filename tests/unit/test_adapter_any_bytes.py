"""Whatever arrives: only `SignatureInvalid` from proving, and always a verdict from reading."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Adapter, SourceConfig
from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.support.deliveries import Recorded, recorded

BY_VENDOR: dict[str, list[Recorded]] = {vendor: list(recorded(vendor)) for vendor in VENDORS}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key under which a value stands."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@st.composite
def bodies(draw: st.DrawFn, deliveries: list[Recorded]) -> bytes:
    """Noise, JSON of any shape, a real body with noise in it, or one value of it exchanged."""
    match draw(st.integers(0, 3)):
        case 0:
            return draw(st.binary(max_size=200))
        case 1:
            return json.dumps(draw(json_values)).encode()
    real = draw(st.sampled_from(deliveries)).body
    if draw(st.booleans()):
        start = draw(st.integers(0, len(real)))
        end = draw(st.integers(start, min(len(real), start + 20)))
        return real[:start] + draw(st.binary(max_size=8)) + real[end:]
    document = json.loads(real)
    container, key = draw(st.sampled_from(list(places(document))))
    nested = container[key]
    if isinstance(nested, str) and nested.startswith('{"'):
        inner = json.loads(nested)
        inner_container, inner_key = draw(st.sampled_from(list(places(inner))))
        inner_container[inner_key] = draw(json_values)
        container[key] = json.dumps(inner)
    else:
        container[key] = draw(json_values)
    return json.dumps(document).encode()


@st.composite
def header_sets(draw: st.DrawFn, deliveries: list[Recorded]) -> Headers:
    """The real headers with one value exchanged, doubled, or left out; or any text at all."""
    names = [name for delivery in deliveries for name, _ in delivery.headers.items]
    some = draw(st.lists(st.tuples(st.sampled_from(names) | st.text(), st.text()), max_size=3))
    real = draw(st.sampled_from(deliveries)).headers.items if draw(st.booleans()) else ()
    return Headers.of([*real, *some])


def check_texts(value: Any) -> None:
    """What leaves an adapter can be stored, logged and shown."""
    match value:
        case str():
            value.encode()
        case dict():
            for item in value.values():
                check_texts(item)
        case list() | tuple():
            for item in value:
                check_texts(item)
        case datetime():
            assert value.utcoffset() == timedelta()


def check_reading(
    adapter: Adapter, config: SourceConfig, headers: Headers, body: bytes, now: datetime
) -> None:
    verdicts = adapter.read(config, headers, body, now)
    assert verdicts
    for verdict in verdicts:
        assert 0 < len(verdict.event_id) <= 400
        assert re.fullmatch("[0-9a-f]{64}", verdict.content)
        check_texts(asdict(verdict))


@pytest.mark.parametrize("vendor", sorted(VENDORS))
@settings(max_examples=200)
@given(data=st.data())
def test_any_bytes_and_headers(vendor: str, data: st.DataObject) -> None:
    deliveries = BY_VENDOR[vendor]
    sample = deliveries[0]
    adapter, config = sample.adapter, sample.config
    body = data.draw(bodies(deliveries))
    headers = data.draw(header_sets(deliveries))
    try:
        adapter.key_url(config, headers, body)
        adapter.verify(config, headers, body, sample.key, sample.now)
    except SignatureInvalid:
        pass
    check_reading(adapter, config, headers, body, sample.now)


MEBIBYTE = 1024 * 1024
EXTREMES = {
    "open brackets": b"[" * MEBIBYTE,
    "open braces": b'{"a":' * (MEBIBYTE // 5),
    "one string": b'"' + b"a" * MEBIBYTE,
    "backslashes": b'"' + b"\\" * MEBIBYTE,
    "quotes": b'"' * MEBIBYTE,
    "one number": b"9" * MEBIBYTE,
    "many numbers": b"[" + b"1," * (MEBIBYTE // 2) + b"1]",
    "many keys": json.dumps({str(number): 0 for number in range(80_000)}).encode(),
    "key urls": b'"key_url":"' * (MEBIBYTE // 11),
    "key urls, escaped": b'"key_url":"\\' * (MEBIBYTE // 12),
    "key url and blanks": (b'"key_url"' + b" " * 90) * (MEBIBYTE // 100),
    "blanks": b" " * MEBIBYTE,
    "not text": b"\xff" * MEBIBYTE,
    "an array of objects": b"[" + b"{}," * (MEBIBYTE // 3 - 1) + b"{}]",
    "non-ASCII": b'"' + "\u00e4'&".encode() * (MEBIBYTE // 4) + b'"',
}


@pytest.mark.parametrize("vendor", sorted(VENDORS))
@pytest.mark.parametrize("extreme", EXTREMES)
def test_the_largest_bodies_take_little_time(vendor: str, extreme: str) -> None:
    sample = BY_VENDOR[vendor][0]
    body = EXTREMES[extreme]
    started = time.process_time()
    for headers in (sample.headers, Headers(())):
        try:
            sample.adapter.key_url(sample.config, headers, body)
            sample.adapter.verify(sample.config, headers, body, sample.key, sample.now)
        except SignatureInvalid:
            pass
        check_reading(sample.adapter, sample.config, headers, body, sample.now)
    assert time.process_time() - started < 4
