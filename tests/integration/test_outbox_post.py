"""One POST of the outbox: where it may go, how long it may take, what it keeps."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver, receiving, silent
from workers.outbox.post import Posted, post

CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "keyserver" / "keys.example.test.pem"
PATIENT, QUICK = 10.0, 0.3


async def posted(
    url: str, *, private: bool = True, hosts: tuple[str, ...] = (), seconds: float = PATIENT
) -> Posted:
    return await post(
        url,
        body=b"{}",
        headers={"webhook-id": "msg_1"},
        allowed_hosts=hosts,
        allow_private=private,
        seconds=seconds,
    )


async def test_the_status_counts_even_if_the_body_never_ends(receiver: Receiver) -> None:
    receiver.answers.append(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nok")
    # Each byte comes in time for itself, and 2 kB of them would take a quarter of an hour.
    receiver.endless, receiver.pause = b".", 0.4
    async with asyncio.timeout(60):
        answer = await posted(receiver.url, seconds=1)
    assert answer.status == 200
    assert answer.answer.startswith("ok.")


async def test_a_body_without_end_is_cut(receiver: Receiver) -> None:
    receiver.answers.append(b"HTTP/1.1 500 Any\r\n\r\n")
    receiver.endless = b"x" * 65536
    loop = asyncio.get_running_loop()
    before = loop.time()
    answer = await posted(receiver.url)
    assert (answer.status, len(answer.answer)) == (500, 2048)
    assert loop.time() - before < PATIENT / 2


async def test_a_body_that_breaks_off(receiver: Receiver) -> None:
    receiver.answers.append(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    assert await posted(receiver.url) == Posted(200, "half")


@pytest.mark.parametrize(
    ("begun", "again"),
    [(b"HTTP/1.1 ", b"2"), (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), (b"", b"\r\n")],
)
async def test_a_status_that_never_ends(receiver: Receiver, begun: bytes, again: bytes) -> None:
    receiver.answers.append(begun)
    receiver.endless, receiver.pause = again, 0.01
    answer = await posted(receiver.url, seconds=QUICK)
    assert answer.status is None
    assert answer.answer


async def test_no_answer() -> None:
    with silent() as port:
        answer = await posted(f"http://127.0.0.1:{port}/", seconds=QUICK)
    assert answer == Posted(None, "no answer within 0.3 s", silent=True)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"\x16\x03\x01"]
)
async def test_what_is_no_http(receiver: Receiver, answer: bytes) -> None:
    receiver.answers.append(answer)
    result = await posted(receiver.url)
    assert result.status is None
    assert len(result.answer) <= 2048


async def test_nobody_there() -> None:
    result = await posted("http://127.0.0.1:1/")
    assert (result.status, result.answer[:12]) == (None, "ConnectError")


# Every other way to write them: tests/unit/test_addresses.py, by the function that is called here.
REFUSED = {
    "loopback": "https://127.0.0.1:{port}/",
    "a name for it": "https://localhost:{port}/",
    "decimal": "https://2130706433:{port}/",
    "mapped": "https://[::ffff:127.0.0.1]:{port}/",
    "a user": "https://user:pass@127.0.0.1:{port}/",
    "another host as user": "https://8.8.8.8@127.0.0.1:{port}/",
    "plain": "http://8.8.8.8:{port}/",
}


@pytest.mark.parametrize("form", REFUSED.values(), ids=REFUSED)
async def test_no_way_inside(receiver: Receiver, form: str) -> None:
    answer = await posted(form.format(port=receiver.port), private=False)
    assert answer.status is None
    assert receiver.connections == 0
    assert "pass" not in answer.answer.replace("password", "")


async def test_only_allowed_hosts(receiver: Receiver) -> None:
    assert (await posted(receiver.url, hosts=("127.0.0.1",))).status == 204
    answer = await posted(receiver.url, hosts=("rewst.example.com",))
    assert answer.status is None
    assert "callback.allowed_hosts" in answer.answer
    assert len(receiver.received) == 1


async def test_the_name_is_asked_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that answers otherwise the second time changes nothing."""
    ask, asked = socket.getaddrinfo, []

    def answers(host: Any, *rest: Any, **options: Any) -> Any:
        if host in {"127.0.0.1", b"127.0.0.1"}:
            return ask(host, *rest, **options)
        asked.append(host)
        return ask("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    answer = await posted(f"http://callback.example:{receiver.port}/hook?a=b")
    assert (answer.status, asked) == (204, ["callback.example"])
    (request,) = receiver.received
    assert request.headers["host"] == f"callback.example:{receiver.port}"
    assert request.line == "POST /hook?a=b HTTP/1.1"


async def test_a_name_of_other_letters_is_asked_as_idna(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    ask, asked = socket.getaddrinfo, []

    def answers(host: Any, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        return ask("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    name = "xn--bcher-kva.example"
    async with receiving() as receiver:
        answer = await posted(f"http://Bücher.example:{receiver.port}/hook?a=ü")
        assert (answer.status, asked[0]) == (204, name)
        assert receiver.received[0].headers["host"] == f"{name}:{receiver.port}"
        assert receiver.received[0].line == "POST /hook?a=%C3%BC HTTP/1.1"
    async with receiving(tls) as server:
        answer = await posted(f"https://bücher.example:{server.port}/hook")
        assert "certificate" in answer.answer.lower()
        assert server.server_names == [name]


async def test_one_private_is_refused(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_: object, **__: object) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port))
            for address in ("8.8.8.8", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    answer = await posted(f"https://callback.example:{receiver.port}/", private=False)
    assert answer.status is None
    assert "127.0.0.1, which is not a public address" in answer.answer


@pytest.mark.parametrize(
    ("host", "trusted", "refused"),
    [
        ("keys.example.test", True, ""),
        ("keys.example.test", False, "self-signed"),
        ("other.example.test", True, "other.example.test"),
    ],
)
async def test_a_certificate_is_believed_if_its_issuer_and_its_name_are(
    monkeypatch: pytest.MonkeyPatch, host: str, refused: str, *, trusted: bool
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    trust = ssl.create_default_context(cafile=CERTIFICATE) if trusted else None
    ask = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *rest, **options: ask("127.0.0.1", *rest, **options)
    )
    async with receiving(tls) as server:
        answer = await post(
            f"https://{host}:{server.port}/hook", body=b"{}", headers={}, allowed_hosts=(),
            allow_private=True, seconds=PATIENT, trust=trust,
        )  # fmt: skip
    assert (answer.status == 204) == (refused == "")
    assert refused in answer.answer
    assert len(server.received) == (refused == "")
    # The name, not the address, is what the server is asked for and has to prove.
    assert server.server_names == [host]


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "::ffff:169.254.169.254"])
async def test_no_name_leads_inside(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Whatever a name resolves to when it is called, nothing is connected to."""
    connected = []

    async def connect(*args: Any, **_: Any) -> None:
        connected.append(args)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, receiver.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    answer = await posted(f"https://callback.example:{receiver.port}/", private=False)
    assert answer.status is None
    assert f"is {address}, which is not a public address" in answer.answer
    assert (connected, receiver.connections) == ([], 0)


async def test_no_proxy_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await posted(receiver.url)).status == 204
        assert proxy.received == []
