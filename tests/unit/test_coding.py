"""Compressed deliveries: read within bounds, and nothing else is."""

import gzip

import pytest

from adapters.headers import Headers
from workers.intake.coding import UnsupportedEncoding, decoded, require_readable

GZIP = Headers.of({"content-encoding": "GZip"})


def test_gzip_is_decoded_and_the_rest_stays() -> None:
    assert decoded(GZIP, gzip.compress(b'{"a": 1}')) == b'{"a": 1}'
    assert decoded(Headers.of({}), gzip.compress(b"a")) == gzip.compress(b"a")


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"", gzip.compress(b"a")[:-1], gzip.compress(b"a") + b"more",
        gzip.compress(b"a") + gzip.compress(b"b"), gzip.compress(bytes(1024 * 1024 + 1)),
        gzip.compress(bytes(30_000_000)),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_is_not_whole_or_too_much_stays_as_it_was(body: bytes) -> None:
    assert decoded(GZIP, body) == body


def test_as_much_as_an_uncompressed_body_may_have() -> None:
    assert len(decoded(GZIP, gzip.compress(bytes(1024 * 1024)))) == 1024 * 1024


@pytest.mark.parametrize("given", ["br", "deflate", "gzip, gzip", "gzip, br", "zstd"])
def test_other_encodings_are_refused(given: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        require_readable(Headers.of({"content-encoding": given}))


@pytest.mark.parametrize("given", ["", "identity", "gzip", "x-gzip"])
def test_these_are_not(given: str) -> None:
    require_readable(Headers.of({"content-encoding": given}))
