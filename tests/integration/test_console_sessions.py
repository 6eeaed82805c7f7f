"""Who gets into the console, for how long, and what a form must bring along."""

import re
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from starlette.routing import Route

from service.console.door.session import IDLE, LONGEST, begun, read
from service.console.routes import routes
from tests.support.busy_console import PAGES
from tests.support.console import logged_in, stranger
from tests.support.service import Service, configured, running_service, secret_key, stored, token
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import system_clock

KEYS = [secret_key("newest")]


SETTINGS = {"secret_keys": KEYS}


@pytest.mark.usefixtures("redis")
async def test_who_is_not_logged_in_goes_there_first_and_then_on(service: Service) -> None:
    http = stranger(service).http
    sent = http.get("/deletions?state=failed")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/log-in?next=%2Fdeletions%3Fstate%3Dfailed"
    form = {"name": "dave", "token": token("dave"), "next": "/deletions?state=failed"}
    entered = http.post("/log-in", data=form)
    assert (entered.status_code, entered.headers["location"]) == (303, form["next"])
    cookie = entered.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=1800"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert http.get("/deletions?state=failed").status_code == 200


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "onward",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nX: y", "javascript:x"],
)
async def test_a_log_in_leads_nobody_away(service: Service, onward: str) -> None:
    form = {"name": "dave", "token": token("dave"), "next": onward}
    entered = stranger(service).http.post("/log-in", data=form)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "given",
    [
        {"name": "dave", "token": "wrong"},
        {"name": "dave", "token": token("alice")},
        {"name": "nobody", "token": token("dave")},
        {"name": "dave"},
        {},
    ],
)
async def test_wrong_tokens_get_no_session(service: Service, given: dict[str, str]) -> None:
    page = stranger(service).http.post("/log-in", data=given)
    assert page.status_code == 401
    assert "set-cookie" not in page.headers
    assert "No operator has this name and token" in page.text
    if "token" in given:
        assert given["token"] not in page.text


@pytest.mark.usefixtures("redis")
async def test_wrong_tokens_are_limited(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.access.logins.MOST", 0)
    page = stranger(service).http.post("/log-in", data={"name": "dave", "token": "wrong"})
    assert page.status_code == 429
    assert "too many wrong tokens" in page.text
    assert logged_in(service, "dave").get("/").status_code == 200


def test_a_session_ends_when_idle_and_when_old(settings: Settings) -> None:
    now = system_clock().replace(microsecond=0)
    session = begun(settings, "dave", 0, now)

    def alive(seen: timedelta, asked: timedelta) -> bool:
        cookies = {"unglue_session": session.sealed(settings, now + seen)}
        return read(settings, cookies, now + asked) is not None

    second = timedelta(seconds=1)
    assert alive(timedelta(), IDLE - second)
    assert not alive(timedelta(), IDLE)
    assert alive(LONGEST - 2 * second, LONGEST - second)
    assert not alive(LONGEST - second, LONGEST)


def test_a_session_ends_with_the_token_it_began_by(settings: Settings, valkey_url: str) -> None:
    now = system_clock()
    cookies = {"unglue_session": begun(settings, "dave", 0, now).sealed(settings, now)}
    assert read(settings, cookies, now)
    operators = settings.model_dump()["operators"]
    operators["dave"]["token_sha256"] = "0" * 64
    assert read(configured(valkey_url, secret_keys=KEYS, operators=operators), cookies, now) is None
    del operators["dave"]
    assert read(configured(valkey_url, secret_keys=KEYS, operators=operators), cookies, now) is None
    assert read(configured(valkey_url, secret_keys=[secret_key("x")]), cookies, now) is None


def test_over_https_the_cookie_is_bound_to_the_host(valkey_url: str) -> None:
    public = configured(valkey_url, secret_keys=KEYS, public_url="https://unglue.example.com")
    with running_service(public) as service:
        form = {"name": "dave", "token": token("dave")}
        cookie = stranger(service).http.post("/log-in", data=form).headers["set-cookie"]
    assert cookie.startswith("__Host-unglue=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


@pytest.mark.usefixtures("redis")
async def test_a_copied_cookie_is_worth_nothing_after_the_log_out(service: Service) -> None:
    browser = logged_in(service, "dave")
    copied = dict(browser.http.cookies)
    assert stranger(service, copied).http.get("/").status_code == 200
    left = browser.post("/log-out")
    assert (left.status_code, left.headers["location"]) == (303, "/log-in")
    assert stranger(service, copied).http.get("/").status_code == 303


@pytest.mark.usefixtures("redis")
async def test_logging_out_everywhere_ends_the_operators_sessions_only(service: Service) -> None:
    one, two, other = (logged_in(service, name) for name in ("dave", "dave", "carol"))
    one.post("/log-out", everywhere="yes")
    assert two.get("/").status_code == 303
    assert other.get("/").status_code == 200
    assert logged_in(service, "dave").get("/").status_code == 200


@pytest.mark.usefixtures("redis")
async def test_logging_in_anew_gives_another_session_and_ends_the_old_one(service: Service) -> None:
    browser = logged_in(service, "dave")
    before = dict(browser.http.cookies)
    browser.log_in("dave")
    assert dict(browser.http.cookies) != before
    assert stranger(service, before).http.get("/").status_code == 303


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("value", ["", "x", "a.b", "W10.x", "é", "x" * 5000])
async def test_forged_cookies_open_nothing(service: Service, value: str) -> None:
    cookie = f"unglue_session={value}".encode("latin-1")
    answer = stranger(service).http.get("/", headers=[(b"cookie", cookie)])
    assert answer.status_code == 303


@pytest.mark.usefixtures("redis")
async def test_a_live_look_keeps_nobody_logged_in(service: Service) -> None:
    browser = logged_in(service, "dave")
    assert "set-cookie" in browser.get("/").headers
    assert "set-cookie" not in browser.http.get("/", headers={"X-Live": "1"}).headers


@pytest.mark.parametrize("kind", ["missing", "forged", "of another session", "of another site"])
async def test_a_strange_form(service: Service, ledger: Ledger, redis: Redis, kind: str) -> None:
    browser = logged_in(service, "alice")
    form = {"reason": "x", "csrf": browser.csrf()}
    headers = {}
    match kind:
        case "missing":
            del form["csrf"]
        case "forged":
            form["csrf"] = "W10.AAAA"
        case "of another session":
            form["csrf"] = logged_in(service, "alice").csrf()
        case _:
            headers["sec-fetch-site"] = "cross-site"
    answer = browser.http.post("/pause", data=form, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "Nothing was changed" in answer.text
    assert await ledger.stop_switch.pauses() == ()
    assert await redis.hlen("unglue:paused") == 0


FORMS = [
    path for route in routes() if isinstance(route, Route) and "POST" in (route.methods or ())
    and (path := re.sub(r"{(\w+)_id}", r"\1_1", route.path)) != "/log-in"
]  # fmt: skip


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_acts_for_another_site(service: Service, redis: Redis, path: str) -> None:
    assert len(FORMS) > 12
    alice = logged_in(service, "alice")
    before = await stored(redis)
    form = {"reason": "x", "csrf": alice.csrf()}
    for answer in (
        alice.http.post(path, data={"reason": "x"}),
        alice.http.post(path, data=form, headers={"sec-fetch-site": "cross-site"}),
        alice.http.post(path, data=form, headers={"sec-fetch-site": "same-site"}),
        alice.http.post(path, json=form),
    ):
        assert answer.status_code == 403, path
    nobody = stranger(service).http.post(path, data=form)
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/log-in")
    assert await stored(redis) == before


@pytest.mark.usefixtures("redis")
async def test_without_keys_it_says_what_to_set(valkey_url: str) -> None:
    with running_service(configured(valkey_url)) as service:
        assert stranger(service).http.get("/").headers["location"] == "/log-in"
        for page in (
            stranger(service).http.get("/log-in"),
            stranger(service).http.post("/log-in", data={"name": "dave", "token": token("dave")}),
        ):
            assert page.status_code == 503
            assert "secret_keys" in page.text
            assert "set-cookie" not in page.headers


def test_while_redis_is_away_there_is_a_page_that_says_what_to_do(settings: Settings) -> None:
    now = system_clock()
    gone = configured("redis://127.0.0.1:1/0", secret_keys=settings.secret_keys)
    cookies = {"unglue_session": begun(settings, "dave", 0, now).sealed(settings, now)}
    with running_service(gone) as service:
        browser = stranger(service, cookies)
        paths = [*(path for path in PAGES if path != "/log-in"), "/rq/", "/rq/0/view/queues"]
        looked = [browser.http.get(path) for path in paths]
        form = {"name": "dave", "token": token("dave")}
        acted = [browser.http.post(path, data=form) for path in ("/log-in", "/pause")]
    for page in looked:
        assert page.status_code == 503, page.url
        assert page.headers["content-type"].startswith("text/html")
        assert "unglue doctor" in page.text
        assert int(page.headers["retry-after"]) > 0
    for page in acted:
        assert page.status_code == 503, page.url
        assert "Look at the page before you send it again" in page.text
        assert "set-cookie" not in page.headers
