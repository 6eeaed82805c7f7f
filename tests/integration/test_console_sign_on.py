"""Single sign-on, against a provider over real HTTP that also lies."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from redis.asyncio import Redis

from adapters.errors import ConfigurationError
from service.api.app import create_app
from tests.support.audit import audited
from tests.support.console import Browser, stranger
from tests.support.identity import CLIENT, CLIENT_SECRET, OTHER_KEY, Identity, identity_provider
from tests.support.service import Service, configured, running_service, secret_key, token
from workers.settings import Settings

GROUPS = {"unglue-people": [], "unglue-approvers": ["approve"], "unglue-admins": ["admin"]}


def settings_of(valkey_url: str, provider: Identity, **oidc: Any) -> Settings:
    operators = configured(valkey_url).model_dump()["operators"]
    operators["carol"]["sign_on"] = "carol@example.com"
    asked = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET}
    return configured(
        valkey_url, secret_keys=[secret_key("k")], operators=operators,
        oidc={**asked, "claim": "email", **oidc},
    )  # fmt: skip


LOGINS = ("logged_in", "logged_out", "logged_out_everywhere", "login_failed")


@pytest.fixture(scope="module")
def started() -> Iterator[Identity]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(started: Identity) -> Identity:
    fresh = Identity(issuer=started.issuer, claims={"email": "carol@example.com"})
    vars(started).update(vars(fresh))
    return started


@pytest.fixture(scope="module")
def settings(valkey_url: str, started: Identity) -> Settings:
    return settings_of(valkey_url, started)


@pytest.fixture(scope="module")
def by_groups(valkey_url: str, started: Identity) -> Iterator[Service]:
    settings = settings_of(valkey_url, started, roles_claim="realm.groups", roles=GROUPS)
    with running_service(settings) as running:
        running.http.get("/healthz")
        yield running


def to_provider(browser: Browser, onward: str = "") -> str:
    """Where the browser is sent to by the provider: an address of ours."""
    away = browser.get(f"/log-in/oidc?next={onward}")
    assert away.status_code == 303, away.text
    sent = httpx.get(away.headers["location"])
    assert sent.status_code == 303, sent.text
    back = urlsplit(sent.headers["location"])
    return f"{back.path}?{back.query}"


def sign_on(service: Service, onward: str = "") -> tuple[Browser, httpx.Response]:
    browser = stranger(service)
    return browser, browser.get(to_provider(browser, onward))


async def test_who_signs_on_is_known(service: Service, provider: Identity, redis: Redis) -> None:
    assert "Log in with single sign-on" in stranger(service).get("/log-in").text
    browser, entered = sign_on(service, "/deletions?state=failed")
    assert (entered.status_code, entered.headers["location"]) == (303, "/deletions?state=failed")
    page = browser.get("/").text
    assert "carol" in page
    assert "approve" in page
    assert provider.redeemed == ["code-0"]
    browser.post("/log-out")
    assert browser.get("/").status_code == 303
    said = [
        (each["what"], each["operator"], each.get("way")) for each in await audited(redis, *LOGINS)
    ]
    assert said == [("logged_in", "carol", "oidc"), ("logged_out", "carol", None)]


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another"}},
        {"claims": {"aud": [CLIENT, "another"]}},
        {"claims": {"azp": "another"}},
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"exp": 1}},
        {"claims": {"exp": None}},
        {"claims": {"iat": 99_999_999_999}},
        {"claims": {"email": "nobody@example.com"}},
        {"claims": {"email": ""}},
        {"claims": {"email": ["carol@example.com"]}},
        {"claims": {"email_verified": False}},
        {"key": OTHER_KEY},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"back": {"state": "another"}},
        {"back": {"code": "guessed"}},
        {"back": {"iss": "https://evil.example"}},
        {"back": {"error": "access_denied"}},
        {"about": {"issuer": "https://evil.example"}},
        {"about": {"jwks_uri": "http://keys.example.com/"}},
    ],
)
async def test_no_proof_no_entry(service: Service, provider: Identity, lie: dict[str, Any]) -> None:
    browser = stranger(service)
    early = "back" in lie or "nonce" in lie.get("claims", {})
    back = "" if early else to_provider(browser)
    for name, value in lie.items():
        known = getattr(provider, name)
        setattr(provider, name, {**known, **value} if isinstance(value, dict) else value)
    back = back or to_provider(browser)
    answer = browser.get(back)
    assert answer.status_code == 401, answer.text
    assert "unglue_session" not in dict(browser.http.cookies)
    assert browser.get("/").status_code == 303


@pytest.mark.usefixtures("redis")
async def test_an_answer_is_for_its_browser_once(service: Service, provider: Identity) -> None:
    del provider
    browser, other = stranger(service), stranger(service)
    back = to_provider(browser)
    # A link to somebody else's sign-on logs nobody in as that one.
    assert other.get(back).status_code == 401
    kept = dict(browser.http.cookies)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401
    assert stranger(service, kept).get(back).status_code == 401
    assert stranger(service, {"unglue_sign_on": "W10.x"}).get(back).status_code == 401


async def test_a_refused_sign_on_is_counted_and_written_down(
    service: Service, provider: Identity, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.access.logins._TOLD_EVERY", timedelta())
    provider.claims = {"email": "nobody@example.com"}
    assert "No operator has sign_on" in sign_on(service)[1].text
    assert [each["what"] for each in await audited(redis, *LOGINS)] == ["login_failed"]
    monkeypatch.setattr("service.access.logins.MOST", 0)
    assert sign_on(service)[1].status_code == 429
    provider.claims = {"email": "carol@example.com"}
    assert sign_on(service)[1].status_code == 303


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    ("groups", "shown"),
    [
        (["unglue-people"], "may only look"),
        ("unglue-approvers", "approve"),
        (["unglue-approvers", "unglue-admins", "others"], "approve, admin"),
    ],
)
async def test_roles_come_from_the_claim(
    by_groups: Service, provider: Identity, groups: object, shown: str
) -> None:
    provider.claims = {"email": "erin@example.com", "realm": {"groups": groups}}
    browser, entered = sign_on(by_groups)
    assert entered.status_code == 303, entered.text
    page = browser.get("/").text
    assert "erin@example.com" in page
    assert f"<p>{shown}</p>" in page
    # As she typed it this time: nobody approves under one case what she asked for under another.
    provider.claims["email"] = "Erin@Example.com"
    assert "<summary>erin@example.com</summary>" in sign_on(by_groups)[0].get("/").text
    # Carol stands in the file, and the claim decides all the same.
    provider.claims["email"] = "carol@example.com"
    page = sign_on(by_groups)[0].get("/").text
    assert "<summary>carol</summary>" in page
    assert f"<p>{shown}</p>" in page


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "claims",
    [
        {"email": "erin@example.com"},
        {"email": "erin@example.com", "realm": {"groups": ["others"]}},
        {"email": "erin@example.com", "realm": {"groups": {"unglue-admins": 1}}},
        {"email": "Alice", "realm": {"groups": ["unglue-admins"]}},
        {"email": "CAROL@example.com", "realm": {"groups": ["unglue-admins"]}},
        {"email": "<b>erin", "realm": {"groups": ["unglue-admins"]}},
        {"email": "аlice", "realm": {"groups": ["unglue-admins"]}},  # noqa: RUF001 - Cyrillic
    ],
)
async def test_nobody_without_a_role_or_with_a_name_like_another(
    by_groups: Service, provider: Identity, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert sign_on(by_groups)[1].status_code == 401


@pytest.mark.usefixtures("redis")
async def test_a_provider_is_gone(by_groups: Service, provider: Identity, valkey_url: str) -> None:
    provider.claims = {"email": "erin@example.com", "realm": {"groups": ["unglue-admins"]}}
    cookies = dict(sign_on(by_groups)[0].http.cookies)
    assert stranger(by_groups, cookies).get("/").status_code == 200
    changed = settings_of(
        valkey_url, provider, roles_claim="realm.groups", roles={"unglue-people": []}
    )
    with running_service(changed) as service:
        assert stranger(service, cookies).get("/").status_code == 303


async def test_a_token_still_opens(service: Service, provider: Identity, redis: Redis) -> None:
    del provider
    browser = stranger(service)
    browser.log_in("dave")
    assert stranger(service).http.post(
        "/log-in", data={"name": "carol", "token": token("carol")}
    ).status_code == 303  # fmt: skip
    browser.post("/log-out", everywhere="yes")
    said = [
        (each["what"], each["operator"], each["peer"]) for each in await audited(redis, *LOGINS)
    ]
    assert said == [
        ("logged_in", "dave", "127.0.0.1"),
        ("logged_in", "carol", "127.0.0.1"),
        ("logged_out_everywhere", "dave", "127.0.0.1"),
    ]


@pytest.mark.usefixtures("redis")
async def test_a_provider_that_is_away_is_told_and_tokens_open(valkey_url: str) -> None:
    gone = Identity(issuer="http://127.0.0.1:1")
    with running_service(settings_of(valkey_url, gone)) as service:
        page = stranger(service).get("/log-in/oidc")
        assert page.status_code == 401
        assert "does not answer" in page.text
        browser = stranger(service)
        browser.log_in("dave")


@pytest.mark.usefixtures("redis")
async def test_without_a_provider_there_is_no_such_page(valkey_url: str) -> None:
    with running_service(configured(valkey_url, secret_keys=[secret_key("k")])) as service:
        for path in ("/log-in/oidc", "/log-in/oidc/back", "/log-in/proxy"):
            assert stranger(service).get(path).status_code == 404
        assert "single sign-on" not in stranger(service).get("/log-in").text


def test_what_is_asked_is_bound_to_the_browser(service: Service, provider: Identity) -> None:
    del provider
    asked = [
        parse_qs(urlsplit(stranger(service).get("/log-in/oidc").headers["location"]).query)
        for _ in range(2)
    ]
    for name in ("state", "nonce", "code_challenge"):
        values = [each[name][0] for each in asked]
        assert len(set(values)) == 2
        assert all(len(value) >= 43 for value in values)


def test_none_starts_without_the_extra(
    valkey_url: str, provider: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "service.access.oidc", None)
    with pytest.raises(ConfigurationError, match=r"unglue\[oidc\]"):
        create_app(settings_of(valkey_url, provider))
