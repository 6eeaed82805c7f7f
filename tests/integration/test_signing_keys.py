"""Signing keys over real sockets: what is fetched, remembered, refused, and how often."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.errors import SignatureInvalid, SigningKeyUnavailable, UnglueError
from workers.intake.signing_keys import SigningKeys
from workers.network.addresses import AddressRefused, NameUnknown

CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "keyserver" / "keys.example.test.pem"
KEY_BODY = json.dumps({"signing_key": "test-signing-key"}).encode()
PATH = "/v2025_1//system/callbackkey/index.rails?companyName=Cobalt&id=1"


def reply(status: int = 200, body: bytes = KEY_BODY, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Any", f"content-length: {len(body)}", "connection: close")
    return "\r\n".join((*lines, *headers, "", "")).encode() + body


class KeyServer:
    """Answers every connection with the bytes it was given, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: bytes | None = reply()
        self.asked: list[str] = []
        self.port = 0
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            self.reached.set()
            await self.gate.wait()
            if self.answer is None:
                await reader.read()  # says nothing until the caller gives up
            else:
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[KeyServer]:
    keys = KeyServer()
    server = await asyncio.start_server(keys.serve, "127.0.0.1", 0, ssl=tls)
    keys.port = server.sockets[0].getsockname()[1]
    async with server:
        yield keys


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with running() as keys:
        yield keys


class Stopwatch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
async def keys(stopwatch: Stopwatch) -> AsyncIterator[SigningKeys]:
    async with SigningKeys(monotonic=stopwatch) as keys:
        yield keys


def resolves_to(address: str) -> Callable[..., Awaitable[str]]:
    async def resolver(_host: str, _port: int, *, allow_private: bool) -> str:
        del allow_private
        return address

    return resolver


async def test_fetched_once(keys: SigningKeys, server: KeyServer, stopwatch: Stopwatch) -> None:
    assert await keys.get(server.url) == "test-signing-key"
    stopwatch.now += 59
    assert await keys.get(server.url) == "test-signing-key"
    assert len(server.asked) == 1
    assert server.asked[0].startswith(f"GET {PATH} HTTP/1.1\r\n")
    assert f"\r\nhost: 127.0.0.1:{server.port}\r\n" in server.asked[0].lower()
    server.answer = reply(body=b'{"signing_key":"newer"}')
    stopwatch.now += 2
    assert await keys.get(server.url) == "newer"


async def test_the_content_type_does_not_matter(keys: SigningKeys, server: KeyServer) -> None:
    server.answer = reply(200, KEY_BODY, "content-type: text/plain; charset=utf-8")
    assert await keys.get(server.url) == "test-signing-key"


async def test_two_urls_have_two_keys(keys: SigningKeys, server: KeyServer) -> None:
    assert await keys.get(server.url) == "test-signing-key"
    server.answer = reply(body=b'{"signing_key":"other"}')
    assert await keys.get(server.url + "2") == "other"
    assert await keys.get(server.url) == "test-signing-key"


async def test_refreshing(keys: SigningKeys, server: KeyServer, stopwatch: Stopwatch) -> None:
    await keys.get(server.url)
    stopwatch.now += 3
    server.answer = reply(body=b'{"signing_key":"newer"}')
    assert await keys.get(server.url) == "test-signing-key"
    assert await keys.get(server.url, refresh=True) == "newer"
    assert await keys.get(server.url) == "newer"
    for _ in range(50):
        await keys.get(server.url, refresh=True)
    assert len(server.asked) == 2


async def test_everyone_who_waits_shares_one_request(keys: SigningKeys, server: KeyServer) -> None:
    server.gate.clear()
    first = asyncio.create_task(keys.get(server.url))
    others = [asyncio.create_task(keys.get(server.url)) for _ in range(20)]
    await server.reached.wait()
    # Whoever gives up takes nobody else along.
    first.cancel()
    server.gate.set()
    assert set(await asyncio.gather(*others)) == {"test-signing-key"}
    assert len(server.asked) == 1


CASES: tuple[tuple[str, bytes, type[UnglueError]], ...] = (
    ("bad request", reply(400), SignatureInvalid),
    ("not found", reply(404), SignatureInvalid),
    ("gone", reply(410), SignatureInvalid),
    # A firewall's or a limiter's answer says nothing about the key.
    ("unauthorized", reply(401), SigningKeyUnavailable),
    ("forbidden", reply(403), SigningKeyUnavailable),
    ("too many", reply(429), SigningKeyUnavailable),
    ("server error", reply(500), SigningKeyUnavailable),
    ("unavailable", reply(503), SigningKeyUnavailable),
    ("no content", reply(204, b""), SigningKeyUnavailable),
    ("not json", reply(body=b"<html>maintenance</html>"), SigningKeyUnavailable),
    ("not utf-8", reply(body=b'{"signing_key":"\xff"}'), SigningKeyUnavailable),
    ("no key", reply(body=b"{}"), SigningKeyUnavailable),
    ("empty key", reply(body=b'{"signing_key":""}'), SigningKeyUnavailable),
    ("number for a key", reply(body=b'{"signing_key":7}'), SigningKeyUnavailable),
    ("key of 5000", reply(body=b'{"signing_key":"%s"}' % (b"k" * 5000)), SigningKeyUnavailable),
    ("nested", reply(body=b"[" * 60_000), SigningKeyUnavailable),
    ("oversize", reply(body=b'{"a":"%s"}' % (b"k" * 70_000)), SigningKeyUnavailable),
    ("not http", b"220 mail.example.test ESMTP\r\n\r\n", SigningKeyUnavailable),
    ("cut off", reply()[:-5], SigningKeyUnavailable),
    ("nothing", b"", SigningKeyUnavailable),
)


@pytest.mark.parametrize(("answer", "error"), [case[1:] for case in CASES], ids=lambda _: "")
async def test_answers_that_are_no_key(
    keys: SigningKeys, server: KeyServer, answer: bytes, error: type[UnglueError]
) -> None:
    server.answer = answer
    with pytest.raises(error) as caught:
        await keys.get(server.url)
    # The URL is as good as the key.
    assert "callbackkey" not in caught.value.message


async def test_an_endless_answer_is_left_at_the_limit(keys: SigningKeys, server: KeyServer) -> None:
    chunk = b"10000\r\n" + b"k" * 0x10000 + b"\r\n"
    server.answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 200
    with pytest.raises(SigningKeyUnavailable, match="64 KiB"):
        await keys.get(server.url)


async def test_a_redirect_is_not_followed(keys: SigningKeys, server: KeyServer) -> None:
    async with running() as elsewhere:
        server.answer = reply(302, b"", f"location: {elsewhere.url}")
        with pytest.raises(SigningKeyUnavailable, match="302"):
            await keys.get(server.url)
        assert elsewhere.asked == []


async def test_a_silent_server_costs_the_time_limit(server: KeyServer) -> None:
    server.answer = None
    async with SigningKeys(timeout_seconds=0.05) as keys:
        with pytest.raises(SigningKeyUnavailable, match=r"0\.05 s"):
            await keys.get(server.url)


async def test_a_closed_port_is_unavailable(keys: SigningKeys) -> None:
    async with running() as gone:
        url = gone.url
    with pytest.raises(SigningKeyUnavailable, match="ConnectError"):
        await keys.get(url)


async def test_leaving_stops_what_is_under_way(server: KeyServer) -> None:
    server.answer = None
    async with SigningKeys() as keys:
        waiting = asyncio.create_task(keys.get(server.url))
        await server.reached.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("answer", "error", "seconds"),
    [(reply(404), SignatureInvalid, 1), (reply(503), SigningKeyUnavailable, 1)],
)
async def test_a_refusal_is_remembered_briefly(
    keys: SigningKeys,
    server: KeyServer,
    stopwatch: Stopwatch,
    answer: bytes,
    error: type[UnglueError],
    seconds: int,
) -> None:
    server.answer = answer
    for refresh in (False, False, True):
        with pytest.raises(error):
            await keys.get(server.url, refresh=refresh)
    assert len(server.asked) == 1
    stopwatch.now += seconds
    server.answer = reply()
    assert await keys.get(server.url) == "test-signing-key"


async def test_an_outage_and_a_withdrawal(
    keys: SigningKeys, server: KeyServer, stopwatch: Stopwatch
) -> None:
    await keys.get(server.url)
    stopwatch.now += 3
    server.answer = reply(503)
    with pytest.raises(SigningKeyUnavailable):
        await keys.get(server.url, refresh=True)
    assert await keys.get(server.url) == "test-signing-key"
    stopwatch.now += 3
    server.answer = reply(404)
    for refresh in (True, False):
        with pytest.raises(SignatureInvalid):
            await keys.get(server.url, refresh=refresh)


async def test_a_flood_of_urls(keys: SigningKeys, server: KeyServer, stopwatch: Stopwatch) -> None:
    await keys.get(server.url)
    server.answer = reply(404)
    for number in range(2000):
        with pytest.raises((SignatureInvalid, SigningKeyUnavailable)):
            await keys.get(f"{server.url}{number}")
    assert len(server.asked) == 10
    stopwatch.now += 61
    server.answer = reply(body=b'{"signing_key":"newer"}')
    assert await keys.get(server.url) == "newer"


async def test_what_is_remembered_is_bounded(
    keys: SigningKeys, server: KeyServer, stopwatch: Stopwatch
) -> None:
    for number in range(300):
        stopwatch.now += 1
        await keys.get(f"{server.url}{number}")
    assert len(keys._keys) == 256


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/system/callbackkey/index.rails",
        "https://127.0.0.1/system/callbackkey/index.rails",
        "https://localhost/system/callbackkey/index.rails",
        "https://169.254.169.254/system/callbackkey/index.rails",
        "https://[::1]/system/callbackkey/index.rails",
        "https://[::ffff:10.0.0.1]/system/callbackkey/index.rails",
    ],
)
async def test_addresses_that_are_not_public_are_not_called(keys: SigningKeys, url: str) -> None:
    with pytest.raises(SigningKeyUnavailable, match="not public"):
        await keys.get(url)


@pytest.mark.parametrize(
    "url", ["http://keys.example.test/", "http://10.0.0.1/", "ftp://127.0.0.1/", "not a url"]
)
async def test_plain_http_is_for_this_machine_only(keys: SigningKeys, url: str) -> None:
    with pytest.raises(SignatureInvalid):
        await keys.get(url)


async def test_a_loopback_name_that_leads_elsewhere_is_not_followed() -> None:
    async with SigningKeys(resolver=resolves_to("10.0.0.1")) as keys:
        with pytest.raises(SigningKeyUnavailable, match="this machine"):
            await keys.get("http://localhost:1/")


@pytest.mark.parametrize("error", [NameUnknown("the host does not resolve"), AddressRefused("no")])
async def test_a_name_without_a_usable_address_is_unavailable(error: UnglueError) -> None:
    async def resolver(_host: str, _port: int, *, allow_private: bool) -> str:
        assert not allow_private
        raise error

    async with SigningKeys(resolver=resolver) as keys:
        with pytest.raises(SigningKeyUnavailable):
            await keys.get("https://keys.example.test/")


async def test_the_certificate_must_be_the_named_hosts() -> None:
    """The connection goes to the checked address, the certificate is checked against the name."""
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    identity.load_cert_chain(CERTIFICATE)
    trust = ssl.create_default_context(cafile=CERTIFICATE)
    async with (
        running(identity) as server,
        SigningKeys(tls=trust, resolver=resolves_to("127.0.0.1")) as keys,
    ):
        named = f"https://keys.example.test:{server.port}{PATH}"
        assert await keys.get(named) == "test-signing-key"
        assert f"\r\nhost: keys.example.test:{server.port}\r\n" in server.asked[0].lower()
        with pytest.raises(SigningKeyUnavailable, match="ConnectError"):
            await keys.get(named.replace("keys.", "other."))
    async with running(identity) as server, SigningKeys(resolver=resolves_to("127.0.0.1")) as keys:
        with pytest.raises(SigningKeyUnavailable, match="ConnectError"):
            await keys.get(f"https://keys.example.test:{server.port}{PATH}")
        assert server.asked == []
