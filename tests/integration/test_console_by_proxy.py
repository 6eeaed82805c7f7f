"""A proxy's word on who somebody is: believed from a listed peer alone, and only once said."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis

from service.api.app import create_app
from service.api.bounded_http import bounded
from service.api.connections import Bounds, Connections
from tests.support.audit import audited
from tests.support.console import Browser, stranger
from tests.support.serve import serve
from tests.support.service import Service, configured, running_service, secret_key
from workers.settings import Settings

HEADER = "X-Remote-User"


def settings_of(valkey_url: str, *peers: str, **changes: Any) -> Settings:
    operators = configured(valkey_url).model_dump()["operators"]
    operators["carol"]["sign_on"] = "carol@example.com"
    operators["dave"]["sign_on"] = "dave"
    return configured(
        valkey_url, secret_keys=[secret_key("k")], operators=operators,
        login={"header": HEADER, "header_peers": peers}, **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Settings:
    return settings_of(valkey_url, "127.0.0.0/8")


@contextmanager
def behind_proxies(settings: Settings, trusted: list[str]) -> Iterator[str]:
    """As `unglue serve` starts it: the peer is what trusted proxies write into a header."""
    connections = Connections(Bounds(), settings.trusted_proxies)
    app = create_app(settings, connections=connections)
    with serve(
        app, http=bounded(connections), ws="none", proxy_headers=True, forwarded_allow_ips=trusted
    ) as url:
        yield url


def entered(service: Service, *said: str, **more: str) -> tuple[Browser, int]:
    browser = stranger(service)
    headers = [*((HEADER, each) for each in said), *more.items()]
    return browser, browser.http.get("/log-in/proxy", headers=headers).status_code


async def refused(redis: Redis) -> list[tuple[str, str]]:
    lines = await audited(redis, "login_header_refused")
    return [(line["why"], line["peer"]) for line in lines]


async def test_whom_the_proxy_names_is_in_while_it_does(service: Service, redis: Redis) -> None:
    browser, said = stranger(service), {HEADER: "carol@example.com"}
    sent = browser.http.get("/deletions?q=1", headers=said)
    assert sent.headers["location"] == "/log-in/proxy?next=%2Fdeletions%3Fq%3D1"
    came = browser.http.get(sent.headers["location"], headers=said)
    assert (came.status_code, came.headers["location"]) == (303, "/deletions?q=1")
    page = browser.http.get("/deletions", headers=said)
    assert "<summary>carol</summary>" in page.text
    assert browser.http.get("/rq/", headers=said).status_code == 200
    # Without its word, or with another one, the session is nobody's.
    assert browser.get("/deletions").status_code == 303
    assert browser.http.get("/deletions", headers={HEADER: "dave"}).status_code == 303
    assert browser.http.get("/rq/").status_code == 401
    assert await refused(redis) == []
    (line,) = await audited(redis, "logged_in")
    assert (line["operator"], line["way"], line["peer"]) == ("carol", "header", "127.0.0.1")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("carol@example.com", "dave"), "several"),
        (("dave", "dave"), "several"),
        (("dave, carol@example.com",), "unknown"),
        (("carol",), "unknown"),  # an operator's name is not what a proxy knows
        (("DAVE",), "unknown"),
        (("",), "unknown"),
    ],
)
async def test_a_name_that_is_not_one_name_of_somebody_is_ignored_and_written_down(
    service: Service, redis: Redis, said: tuple[str, ...], why: str
) -> None:
    browser, status = entered(service, *said)
    assert status == 401
    assert dict(browser.http.cookies) == {}
    assert await refused(redis) == [(why, "127.0.0.1")]


async def test_the_header_of_others_is_ignored_and_audited(valkey_url: str, redis: Redis) -> None:
    with running_service(settings_of(valkey_url, "192.0.2.7")) as service:
        browser, status = entered(service, "dave")
        assert status == 401
        forged = browser.http.get("/deletions", headers={HEADER: "dave"})
        assert forged.headers["location"] == "/log-in?next=%2Fdeletions"
        assert "dave" not in browser.http.get("/log-in", headers={HEADER: "dave"}).text
        # Who has a token logs in all the same, as who the token is of.
        browser.log_in("carol")
        page = browser.http.get("/deletions", headers={HEADER: "dave"}).text
        assert "<summary>carol</summary>" in page
    assert set(await refused(redis)) == {("peer", "127.0.0.1")}


async def test_no_x_forwarded_for_makes_a_peer(valkey_url: str, redis: Redis) -> None:
    """Not even one that a trusted proxy wrote: it names the browser, not who holds the line."""
    settings = settings_of(valkey_url, "192.0.2.7", trusted_proxies=["127.0.0.1"])
    with behind_proxies(settings, ["127.0.0.1"]) as url:
        service = Service(url, "", None, None)  # type: ignore[arg-type] # only its address
        for chain in ("192.0.2.7", "192.0.2.7, 203.0.113.9", "203.0.113.9, 192.0.2.7"):
            assert entered(service, "dave", **{"X-Forwarded-For": chain})[1] == 401
    assert set(await refused(redis)) == {("peer", "127.0.0.1")}


async def test_behind_a_chain_the_listed_proxy_is_the_peer(valkey_url: str, redis: Redis) -> None:
    settings = settings_of(valkey_url, "127.0.0.1", trusted_proxies=["127.0.0.1"])
    with behind_proxies(settings, ["127.0.0.1"]) as url:
        service = Service(url, "", None, None)  # type: ignore[arg-type] # only its address
        assert entered(service, "dave", **{"X-Forwarded-For": "203.0.113.9, 192.0.2.7"})[1] == 303
    assert await refused(redis) == []


@pytest.mark.usefixtures("redis")
async def test_behind_another_server_nobody_is_known_by_header(valkey_url: str) -> None:
    """Who holds the line is noted by our own protocol; without it the header counts for nothing."""
    with serve(create_app(settings_of(valkey_url, "127.0.0.1"))) as url:
        service = Service(url, "", None, None)  # type: ignore[arg-type] # only its address
        assert entered(service, "dave")[1] == 401


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ({"header": HEADER}, "header_peers is required"),
        ({"header": HEADER, "header_peers": []}, "header_peers is required"),
        ({"header": HEADER, "header_peers": ["0.0.0.0/0"]}, "is everybody"),
        ({"header": HEADER, "header_peers": ["::/0"]}, "is everybody"),
        ({"header": HEADER, "header_peers": ["0.0.0.0/1", "128.0.0.0/1"]}, "is everybody"),
        ({"header": HEADER, "header_peers": ["2001::/16"]}, "is too many"),
        ({"header": HEADER, "header_peers": ["proxy.example.com"]}, "must be an address"),
        ({"header_peers": ["192.0.2.7"]}, "header is required"),
        ({"header": "X-Forwarded-For", "header_peers": ["192.0.2.7"]}, "other purposes"),
        ({"header": "Authorization", "header_peers": ["192.0.2.7"]}, "other purposes"),
        ({"header": "X User", "header_peers": ["192.0.2.7"]}, "no name of a header"),
    ],
)
def test_no_start_with_anybodys_header(valkey_url: str, login: dict[str, Any], said: str) -> None:
    operators = {"erin": {"sign_on": "erin"}}
    with pytest.raises(ValidationError, match=said):
        configured(valkey_url, secret_keys=[secret_key("k")], operators=operators, login=login)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"operators": {"erin": {}}}, "nobody could log in"),
        ({"operators": {name: {"sign_on": "x"} for name in ("a", "b")}}, "the same sign_on"),
        ({"login": {"header": HEADER, "header_peers": ["192.0.2.7"]}}, "no operator has sign_on"),
        ({"oidc": {"issuer": "http://id.example.com", "client_id": "x"}}, "must be https"),
        ({"oidc": {"issuer": "https://id.example.com"}}, "client_id is required"),
        ({"oidc": {"issuer": "https://id.example.com", "client_id": "x"}}, "let nobody in"),
        (
            {"oidc": {"issuer": "https://id.example.com", "client_id": "x", "roles_claim": "y"}},
            "go together",
        ),
        (
            {"oidc": {"issuer": "https://id.example.com", "client_id": "x", "scopes": ["email"]}},
            "must hold openid",
        ),
        ({"secret_keys": (), "operators": {"erin": {"sign_on": "erin"}},
          "login": {"header": HEADER, "header_peers": ["192.0.2.7"]}}, "needs secret_keys"),
    ],
)  # fmt: skip
def test_no_start_with_a_wrong_sign_on(valkey_url: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        configured(valkey_url, **{"secret_keys": [secret_key("k")], **changes})
