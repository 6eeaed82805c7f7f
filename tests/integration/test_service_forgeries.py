"""`POST /webhooks/{source}`: what is not genuine leaves nothing behind, here or elsewhere."""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from service.access import attempts
from service.demo.stand_ins import KEY_PATH, key_server
from tests.support.serve import serve
from tests.support.service import (
    KEY,
    Outside,
    Service,
    configured,
    only_error,
    running_service,
    service_with_keys,
    signature,
    stored,
)

MIB = 1024 * 1024
FOREIGN_KEY = "a key of the forger's own"
# All that a forgery leaves behind.
COUNTED: dict[bytes, object] = {b"unglue:counts:verdicts:cw": {b"unauthentic": b"1"}}


@pytest.fixture(scope="module")
def service(valkey_url: str) -> Iterator[Service]:
    # What follows comes from one address, and each is to be refused for what it is.
    with patch.object(attempts, "_BURST", 1_000_000), service_with_keys(valkey_url) as running:
        yield running


@pytest.fixture(scope="module")
def foreign() -> Iterator[tuple[str, Outside]]:
    """A key server of the forger's own, which would prove whatever he signs."""
    keys = Outside(key_server(FOREIGN_KEY))
    with serve(keys) as origin:
        yield origin, keys


@pytest.fixture
async def before(redis: Redis) -> dict[bytes, object]:
    """Something that a forgery might change."""
    await redis.set("unglue:witness", "here")
    return await stored(redis)


def flipped(body: bytes) -> bytes:
    return body.replace(b"Inactive", b"inactive")


Send = Callable[[Service, bytes], Any]

FORGERIES: dict[str, Send] = {
    "unsigned": lambda it, body: it.send(body, headers={}),
    "an empty signature": lambda it, body: it.send(body, headers={"x-content-signature": ""}),
    "another key": lambda it, body: it.send(body, key="another key"),
    "the hexadecimal form": lambda it, body: it.send(
        body, headers={"x-content-signature": base64.b64decode(signature(body)).hex()}
    ),
    "a prefix": lambda it, body: it.send(
        body, headers={"x-content-signature": "sha256=" + signature(body)}
    ),
    "the signature of another body": lambda it, body: it.send(
        body, headers={"x-content-signature": signature(body + b" ")}
    ),
    "a changed body": lambda it, body: it.send(
        flipped(body), headers={"x-content-signature": signature(body)}
    ),
    "a truncated body": lambda it, body: it.send(
        body[:-2], headers={"x-content-signature": signature(body)}
    ),
    "the signature twice": lambda it, body: it.send(
        body, headers=[("x-content-signature", signature(body))] * 2
    ),
    "two signatures": lambda it, body: it.send(
        body,
        headers=[("x-content-signature", signature(body)), ("x-content-signature", "A" * 43 + "=")],
    ),
    "two signatures in one": lambda it, body: it.send(
        body, headers={"x-content-signature": f"{signature(body)}, {signature(body)}"}
    ),
    "an empty body": lambda it, _: it.send(b""),
    "no key_url": lambda it, _: it.send(it.callback(Metadata={})),
    "a key_url that is no text": lambda it, _: it.send(it.callback(Metadata={"key_url": ["x"]})),
    "another path": lambda it, _: it.send(it.callback(key_url=it.key_url(path="/key"))),
    "a path below": lambda it, _: it.send(it.callback(key_url=it.key_url(path=KEY_PATH + "/x"))),
    "another company": lambda it, _: it.send(it.callback(key_url=it.key_url(company="Nickel"))),
    "no company": lambda it, _: it.send(
        it.callback(key_url=it.key_url().replace("companyName", "name"))
    ),
    "two companies": lambda it, _: it.send(
        it.callback(key_url=it.key_url() + "&CompanyName=Nickel")
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused_and_leaves_nothing(
    service: Service, redis: Redis, before: dict[bytes, object], name: str
) -> None:
    answer = FORGERIES[name](service, service.callback())
    only_error(answer, 401, "SignatureInvalid")
    # An operator's token is of no use here, so none is asked for.
    assert "www-authenticate" not in answer.headers
    assert set(service.keys.asked) <= {KEY_PATH}
    assert await stored(redis) == {**before, **COUNTED}


HOSTS = {
    "the forger's": "{foreign}",
    "the source's as user name": "{own}@{foreign_host}",
    "the source's as subdomain": "{own}.{foreign_host}",
    "the source's in a fragment": "{foreign}/#{own}",
    "a backslash": "{foreign}\\@{own_host}",
    "a blank": "{foreign} {own_host}",
    "without a scheme": "//{foreign_host}",
    "ftp": "ftp://{own_host}",
    "https instead of http": "https://{own_host}",
    "another port": "http://127.0.0.1:1",
}


@pytest.mark.parametrize("form", HOSTS.values(), ids=HOSTS)
async def test_a_key_is_fetched_from_the_source_only(
    service: Service,
    foreign: tuple[str, Outside],
    redis: Redis,
    before: dict[bytes, object],
    form: str,
) -> None:
    origin, keys = foreign
    own = service.key_origin
    base = form.format(
        foreign=origin,
        foreign_host=origin.removeprefix("http://"),
        own=own,
        own_host=own.removeprefix("http://"),
    )
    asked = len(service.keys.asked)
    body = service.callback(key_url=service.key_url(origin=base))
    message = only_error(service.send(body, key=FOREIGN_KEY), 401, "SignatureInvalid")
    assert origin.removeprefix("http://") not in message
    assert own.removeprefix("http://") not in message
    assert keys.asked == []
    assert len(service.keys.asked) == asked
    assert await stored(redis) == {**before, **COUNTED}


@pytest.mark.usefixtures("redis")
async def test_the_forgers_key_server_proves_what_he_signs(valkey_url: str) -> None:
    """Without this, a server that nobody can reach would pass the test above."""
    keys = Outside(key_server(FOREIGN_KEY))
    with serve(keys) as origin, running_service(configured(valkey_url, origin), keys) as naive:
        assert naive.send(naive.callback(), key=FOREIGN_KEY).status_code == 202
    assert keys.asked == [KEY_PATH]


async def test_unknown_sources(service: Service, redis: Redis, before: dict[bytes, object]) -> None:
    only_error(service.send(service.callback(), source="nobody"), 404, "NotFound")
    assert await stored(redis) == before


@pytest.mark.parametrize(
    "path", ["/webhooks", "/webhooks/", "/webhooks/cw/", "/webhooks/cw/2", "/webhook"]
)
def test_no_route(service: Service, path: str) -> None:
    body = service.callback()
    answer = service.http.post(path, content=body, headers={"x-content-signature": signature(body)})
    only_error(answer, 404, "NotFound")


def test_the_console_is_no_place_for_deliveries(service: Service) -> None:
    only_error(service.http.post("/", content=service.callback()), 405, "MethodNotAllowed")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method(service: Service, method: str) -> None:
    answer = service.http.request(method, "/webhooks/cw")
    only_error(answer, 405, "MethodNotAllowed")
    assert answer.headers["allow"] == "POST"


def padded(service: Service, size: int) -> bytes:
    body = service.callback(Extra="@")
    return body.replace(b"@", b"x" * (size - len(body) + 1))


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


@pytest.mark.parametrize("chunked", [False, True])
async def test_more_than_a_mebibyte_is_refused(
    service: Service, redis: Redis, before: dict[bytes, object], *, chunked: bool
) -> None:
    body = padded(service, MIB + 1)
    answer = service.http.post(
        "/webhooks/cw",
        content=chunks(body) if chunked else body,
        headers={"x-content-signature": signature(body)},
    )
    only_error(answer, 413, "PayloadTooLarge")
    assert await stored(redis) == before


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_mebibyte_is_accepted(service: Service, *, chunked: bool) -> None:
    body = padded(service, MIB)
    assert len(body) == MIB
    answer = service.http.post(
        "/webhooks/cw",
        content=chunks(body) if chunked else body,
        headers={"x-content-signature": signature(body)},
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["verdict"] == "accepted"


def test_a_stated_length_is_refused_before_the_body_comes(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /webhooks/cw HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


HEADER = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60
).map(lambda text: text.encode("latin-1"))
NAMES = st.sampled_from(
    ["x-content-signature", "content-type", "authorization", "webhook-id", "prefer", "x-other"]
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=300) | st.text(max_size=200).map(str.encode),
    headers=st.lists(st.tuples(NAMES.map(str.encode), HEADER), max_size=5),
)
def test_any_forgery(service: Service, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    answer = service.http.post("/webhooks/cw", content=body, headers=headers)
    only_error(answer, 401, "SignatureInvalid")


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(at=st.integers(min_value=0), byte=st.integers(0, 255), cut=st.booleans())
def test_any_changed_byte_is_refused(service: Service, at: int, byte: int, *, cut: bool) -> None:
    body = service.callback()
    at %= len(body)
    changed = body[:at] + (b"" if cut else bytes([byte])) + body[at + 1 :]
    if changed == body:
        return
    answer = service.send(changed, headers={"x-content-signature": signature(body)})
    # Where the key's own address is changed it is one that the key server does not know yet.
    assert answer.status_code in {401, 429}, (changed, answer.text)


def test_the_signature_covers_the_bytes_not_their_meaning(service: Service) -> None:
    body = service.callback()
    same = json.dumps(json.loads(body), indent=1).encode()
    assert service.send(same, headers={"x-content-signature": signature(body, KEY)}).is_error
