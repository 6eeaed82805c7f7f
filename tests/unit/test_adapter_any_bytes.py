"""Whatever arrives: only `SignatureInvalid` from proving, and always a verdict from reading."""

import json
import time
from contextlib import suppress

import pytest

from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.fuzz import check_reading, fuzz
from tests.support.deliveries import recorded


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_any_bytes_and_headers(vendor: str) -> None:
    assert sum(fuzz(vendor, 1000, seed=1).values()) == 1000


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
    sample = next(recorded(vendor))
    body = EXTREMES[extreme]
    started = time.process_time()
    for headers in (sample.headers, Headers(())):
        with suppress(SignatureInvalid):
            sample.adapter.key_url(sample.config, headers, body)
            sample.adapter.verify(sample.config, headers, body, sample.key, sample.now)
    check_reading(sample.adapter, sample.config, sample.headers, body, sample.now)
    assert time.process_time() - started < 4
