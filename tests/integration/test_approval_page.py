"""The page behind an approval link: what it shows, what it takes, and what it refuses."""

import asyncio
import hashlib
import html
import json
import re
import shutil
import subprocess
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.support.approvals import DEPENDENCIES, NAME, again, awaiting
from tests.support.audit import pending
from tests.support.deletions import approved, cancelled
from tests.support.ledgers import begin_anew
from tests.support.receiver import receiving
from tests.support.service import Service, configured, running_service, secret_key, stored, token
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.outbox.approval_link import link_of, sealed
from workers.outbox.notify import fan_out
from workers.outbox.outgoing import Means
from workers.outbox.send import send
from workers.settings import Settings
from workers.times.clock import rfc3339, system_clock, to_ms

KEYS = [secret_key("newest"), secret_key("previous")]
POLICY = {"export": False, "approval": "always", "grace_period": "48h"}
BROWSER = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), ""
)


SETTINGS = {"policy": POLICY, "secret_keys": KEYS}


def link(settings: Settings, deletion: Deletion) -> str:
    """The link's path."""
    url = link_of(settings, deletion)
    assert url is not None
    return url.removeprefix(settings.public_url.rstrip("/"))


def form_of(page: httpx.Response) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def submit(
    service: Service, path: str, *, operator: str = "carol", headers: Any = None, **fields: str
) -> httpx.Response:
    """The form as a browser sends it, from a page that was just opened unless a form is given."""
    content = {
        "form": fields.get("form") or form_of(service.http.get(path)),
        "decision": "approve",
        "name": NAME,
        "token": token(operator),
        **fields,
    }
    return service.http.post(path, data=content, headers=headers)


def says(page: httpx.Response, text: str) -> bool:
    return text in html.unescape(page.text)


async def entries(redis: Redis) -> list[tuple[str, str | None]]:
    lines = await pending(redis)
    found = [(line.get("what") or line["entry"], line.get("why")) for line in lines]
    return [each for each in found if str(each[0]).endswith("_refused")]


async def test_it_shows_the_plan_and_changes_nothing(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings, DEPENDENCIES, assets=7))
    before = await stored(redis)
    page = service.http.get(path)
    assert page.status_code == 200
    for text in (
        NAME, "301", "Inactive", "Customer", "contract ended", "alice", "flexible assets",
        "could not be counted", "it still holds 7 assets", "force_delete", "2 days", "no undo",
        "the configuration asks for an approval", "del_1",
    ):  # fmt: skip
        assert says(page, text), text
    assert await stored(redis) == before
    assert service.http.head(path).status_code == 200
    assert await stored(redis) == before


async def test_it_runs_nothing(service: Service, ledger: Ledger, settings: Settings) -> None:
    path = link(settings, await awaiting(ledger, settings))
    for page in (service.http.get(path), service.http.get("/approve/x")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script|<link|<img|src=|https?://|\bon\w+=", page.text)


HOSTILE = "<script>alert(1)</script>\u202e\"'&{{7*7}}\u2028x"


async def test_others_text_is_text(service: Service, ledger: Ledger, settings: Settings) -> None:
    page = service.http.get(link(settings, await awaiting(ledger, settings, name=HOSTILE)))
    assert "<script" not in page.text
    assert "\u202e" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{7*7}}" in page.text


async def test_approved(service: Service, ledger: Ledger, settings: Settings, redis: Redis) -> None:
    path = link(settings, await awaiting(ledger, settings))
    page = submit(service, path, reason="they left")
    assert page.status_code == 200, page.text
    assert says(page, "Approved")
    deletion = await ledger.deletions.get("del_1")
    assert deletion.granted is not None
    assert (deletion.granted.by, deletion.granted.reason) == ("carol", "they left")
    again_ = service.http.get(path)
    assert again_.status_code == 409
    assert says(again_, "carol approved it. To stop it still: unglue cancel del_1")
    gone = {"intent_kind": "delete", "intent_state": "accepted", "state": "verifying"}
    await redis.hset("unglue:deletion:del_1", mapping=dict[Any, Any](gone))
    assert says(service.http.get(path), "so it cannot be stopped any more")
    assert await entries(redis) == [("link_refused", "approved_before")] * 2


async def test_rejected(service: Service, ledger: Ledger, settings: Settings) -> None:
    path = link(settings, await awaiting(ledger, settings))
    page = submit(service, path, decision="reject", reason="")
    assert page.status_code == 422
    assert says(page, "say why")
    page = submit(service, path, decision="reject", reason="x" * 2001)
    assert (page.status_code, says(page, "longer than 2000")) == (422, True)
    page = submit(service, path, decision="reject", reason="they pay again")
    assert (page.status_code, says(page, "Rejected")) == (200, True)
    (error,) = (await ledger.deletions.get("del_1")).errors
    assert error.message == "rejected by operator carol: they pay again"
    gone = service.http.get(path)
    assert gone.status_code == 410
    assert says(gone, "It is cancelled")


async def test_force_by_the_box(service: Service, ledger: Ledger, settings: Settings) -> None:
    path = link(settings, await awaiting(ledger, settings, DEPENDENCIES))
    page = submit(service, path)
    assert page.status_code == 409
    assert says(page, "Nothing was changed")
    assert says(page, "dependency gate")
    assert submit(service, path, force_delete="yes").status_code == 200
    granted = (await ledger.deletions.get("del_1")).granted
    assert granted is not None
    assert granted.force


REFUSED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no token": ({"token": ""}, 401, "Unknown operator token", "token"),
    "a wrong token": ({"token": "nobody's"}, 401, "Unknown operator token", "token"),
    "no role": ({"operator": "dave"}, 403, "lacks the role", "role"),
    "the requester": ({"operator": "alice"}, 403, "another operator", "requester"),
    "no name": ({"name": ""}, 422, "exactly", "name"),
    "another case": ({"name": NAME.upper()}, 422, "", "name"),
    "a look-alike": ({"name": NAME.replace("a", "\u0430")}, 422, "CYRILLIC", "name"),
    "no form of ours": ({"form": "x.y"}, 403, "did not come from this page", "form"),
    "from elsewhere": (
        {"headers": {"sec-fetch-site": "cross-site"}}, 403, "did not come from this page", "form",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "status", "text", "why"), REFUSED.values(), ids=REFUSED)
async def test_refused(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, change: dict[str, Any],
    status: int, text: str, why: str,
) -> None:  # fmt: skip
    path = link(settings, await awaiting(ledger, settings))
    page = submit(service, path, **change)
    assert page.status_code == status
    assert says(page, "Nothing was changed")
    assert says(page, text)
    assert token("carol") not in page.text
    assert await entries(redis) == [("approve_refused", why)]
    assert (await ledger.deletions.get("del_1")).state == "awaiting_approval"


async def test_a_name_in_other_bytes(service: Service, ledger: Ledger, settings: Settings) -> None:
    path = link(settings, await awaiting(ledger, settings))
    typed = NAME.replace("ä", "a\u0308").replace("ö", "o\u0308")
    assert submit(service, path, name=f" {typed} ").status_code == 200


async def test_a_form_of_another_link(service: Service, ledger: Ledger, settings: Settings) -> None:
    one = link(settings, await awaiting(ledger, settings))
    other = link(settings, await awaiting(ledger, settings, deletion_id="del_2"))
    page = submit(service, one, form=form_of(service.http.get(other)))
    assert page.status_code == 403


@pytest.mark.parametrize(("minutes", "status"), [(59, 200), (61, 403)])
async def test_a_form_lasts_an_hour(
    service: Service, ledger: Ledger, settings: Settings, minutes: int, status: int
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    of_link = hashlib.sha256(path.rpartition("/")[2].encode()).hexdigest()
    made_at = to_ms(system_clock() - timedelta(minutes=minutes))
    old = sealed(settings.secret_keys, "approval form", (of_link, made_at))
    assert submit(service, path, form=old).status_code == status


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ff"),
        ("application/x-www-form-urlencoded", b"a=1&" * 500),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("", b""),
    ],
)
async def test_what_is_no_form(
    service: Service, ledger: Ledger, settings: Settings, kind: str, body: bytes
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    page = service.http.post(path, content=body, headers={"content-type": kind} if kind else {})
    assert page.status_code == 403
    assert (await ledger.deletions.get("del_1")).state == "awaiting_approval"


async def refused(
    service: Service, redis: Redis, path: str, status: int, text: str, why: str
) -> None:
    """By GET and by POST alike: a clear page, an audit entry, no change."""
    before = await stored(redis)
    content = {"decision": "approve", "name": NAME, "token": token("carol"), "form": "x"}
    for page in (service.http.get(path), service.http.post(path, data=content)):
        assert page.status_code == status
        assert says(page, text)
    assert [each for each in await entries(redis) if each[0] == "link_refused"] == [
        ("link_refused", why)
    ] * 2
    after = await stored(redis)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert all(name.startswith(b"unglue:audit:") for name in changed)


async def test_an_altered_link(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    flipped = path[:-1] + ("A" if path[-1] != "A" else "B")
    await refused(service, redis, flipped, 403, "This link is not valid here", "altered")


async def test_a_link_of_another_installation(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, valkey_url: str
) -> None:
    held = await awaiting(ledger, settings)
    foreign = link(configured(valkey_url, secret_keys=[secret_key("another")]), held)
    await refused(service, redis, foreign, 403, "This link is not valid here", "altered")


async def test_a_link_to_what_is_not_there(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    await begin_anew(redis)
    await refused(service, redis, path, 404, "nothing behind this link", "unknown")


async def test_a_link_that_has_expired(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings, ago=timedelta(days=7)))
    await refused(service, redis, path, 410, "This link has expired", "expired")


async def test_a_link_after_the_end(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    held = await awaiting(ledger, settings)
    await cancelled(ledger, "del_1", held.updated_at)
    await refused(service, redis, link(settings, held), 410, "has ended", "ended")


async def test_a_link_to_an_older_plan(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    held = await awaiting(ledger, settings)
    await approved(ledger, held, held.updated_at)
    newer = await again(ledger, settings, assets=3)
    page = service.http.get(link(settings, newer))
    assert page.status_code == 200
    assert says(page, "flexible assets: 0 → 3")
    await refused(service, redis, link(settings, held), 409, "an older plan", "moved")


async def test_a_link_of_an_earlier_generation(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    await redis.hset("unglue:deletion:del_1", "generation", 2)
    await refused(service, redis, path, 409, "an earlier attempt", "generation")


async def test_strangers_cannot_fill_the_audit_log_nor_hide_in_it(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    path = link(settings, await awaiting(ledger, settings, ago=timedelta(days=7)))
    for number in range(105):
        assert service.http.get(f"/approve/x{number}").status_code == 403
    assert len(await entries(redis)) == 101
    assert service.http.get(path).status_code == 410
    assert (await entries(redis))[-1] == ("link_refused", "expired")


@pytest.mark.usefixtures("redis")
async def test_without_keys_there_is_no_link(valkey_url: str, ledger: Ledger) -> None:
    bare = configured(valkey_url, policy=POLICY)
    held = await awaiting(ledger, bare)
    assert link_of(bare, held) is None
    with running_service(bare) as service:
        assert service.http.get("/approve/x").status_code == 403
        shown = service.call("GET", "/v1/deletions/del_1", operator="carol").json()
        assert (shown["approval"]["wanted"], shown["approval_url"]) == (True, None)


@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
async def test_a_browser_is_content(service: Service, ledger: Ledger, settings: Settings) -> None:
    held = await awaiting(ledger, settings, DEPENDENCIES, name=HOSTILE)
    seen = await asyncio.to_thread(
        subprocess.run,
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *("--dump-dom", f"{service.url}{link(settings, held)}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Approve the deletion" in seen.stdout
    assert "Content Security Policy" not in seen.stderr
    assert "CONSOLE" not in seen.stderr


async def test_the_link_goes_where_people_are_and_opens_the_page(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    async with receiving() as receiver:
        target = {"url": receiver.url, "format": "json", "allow_private_networks": True}
        tables = settings.model_dump(exclude_unset=True, exclude={"sources", "notifications"})
        told = Settings(**tables, public_url=service.url, notifications={"ops": target})
        held = await awaiting(ledger, told)
        means = Means(ledger, told, system_clock, Random(7))  # noqa: S311 - jitter
        for notice_id in await ledger.notices.due(system_clock()):
            await fan_out(notice_id, ledger, told, system_clock())
        (entry,) = await ledger.callbacks.due(system_clock())
        # What lets somebody look is made when it is sent, and lies nowhere.
        assert "/approve/" not in str(await stored(redis))
        await send(entry.id, means)
    (request,) = receiver.received
    body = json.loads(request.body)
    facts = {fact["label"]: fact["value"] for fact in body["facts"]}
    assert facts["held because"] == "the configuration asks for an approval"
    assert held.asked is not None
    assert facts["decide before"] == rfc3339(held.asked.until)
    assert body["approval_url"].startswith(f"{service.url}/approve/")
    assert says(service.http.get(body["approval_url"]), NAME)


async def test_wrong_tokens_are_limited_and_a_right_one_passes(
    service: Service, ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.access.logins.MOST", 0)
    path = link(settings, await awaiting(ledger, settings))
    page = submit(service, path, token="nobody's")
    assert page.status_code == 429
    assert says(page, "too many wrong tokens")
    assert submit(service, path).status_code == 200


def unavailable(page: httpx.Response, *texts: str) -> None:
    """A page of the usual form that says so, and no JSON."""
    assert page.status_code == 503, page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha")
    assert int(page.headers["retry-after"]) > 0
    assert token("carol") not in page.text
    for text in texts:
        assert says(page, text), page.text


async def test_no_redis_is_a_page(service: Service, ledger: Ledger, settings: Settings) -> None:
    path = link(settings, await awaiting(ledger, settings))
    form = form_of(service.http.get(path))
    gone = configured("redis://127.0.0.1:1/0", policy=POLICY, secret_keys=settings.secret_keys)
    with running_service(gone) as away:
        texts = ("unreachable", "This decided nothing", "Try again in a minute", "del_1")
        unavailable(away.http.get(path), *texts)
        unavailable(submit(away, path, form=form), *texts)
        unavailable(away.http.get("/approve/x"), *texts[:3])
    assert (await ledger.deletions.get("del_1")).state == "awaiting_approval"


@pytest.mark.parametrize(("decision", "state"), [("approve", "queued"), ("reject", "cancelled")])
async def test_when_redis_fails_in_the_midst_the_form_can_be_sent_again(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, decision: str, state: str
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    form = form_of(service.http.get(path))
    # It answers to those who read, and takes no writes.
    await redis.config_set("min-replicas-to-write", 1)
    try:
        page = submit(service, path, form=form, decision=decision, reason="they left")
    finally:
        await redis.config_set("min-replicas-to-write", 0)
    unavailable(page, "not known whether that was decided", "read-only", "Send the same again")
    assert NAME in html.unescape(page.text)
    assert 'value="they left"' in page.text
    assert (await ledger.deletions.get("del_1")).state == "awaiting_approval"
    page = submit(service, path, form=form_of(page), decision=decision, reason="they left")
    assert page.status_code == 200
    assert (await ledger.deletions.get("del_1")).state == state


@pytest.mark.parametrize(("decision", "done"), [("approve", "approved"), ("reject", "rejected")])
async def test_what_may_be_lost_is_confirmed_by_sending_the_form_again(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, decision: str, done: str
) -> None:
    path = link(settings, await awaiting(ledger, settings))
    # It never says that it has anything on disk.
    await redis.config_set("appendfsync", "no")
    try:
        page = submit(service, path, decision=decision, reason="they left")
        unavailable(page, f"It is {done}, and that may yet be lost", "Send the same again")
        form = form_of(page)
        page = submit(service, path, form=form, decision=decision, reason="they left")
        unavailable(page, f"It is {done}, and that may yet be lost")
    finally:
        await redis.config_set("appendfsync", "always")
    once = await redis.xlen("unglue:audit:pending")
    page = submit(service, path, form=form, decision=decision, reason="they left")
    assert (page.status_code, says(page, done.capitalize())) == (200, True), page.text
    assert await redis.xlen("unglue:audit:pending") == once
    # Of another one it is no repetition.
    other = "reject" if decision == "approve" else "approve"
    page = submit(service, path, form=form, decision=other, reason="they left")
    assert page.status_code == (410 if decision == "reject" else 409)
    assert (await ledger.deletions.get("del_1")).granted is None or decision == "approve"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/approve/x", 405), ("POST", "/approve/", 404), ("GET", "/approve/x/y", 404)],
)
def test_what_fails_there_is_a_page(service: Service, method: str, path: str, status: int) -> None:
    answer = service.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "Nothing was changed" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_so_is_a_form_that_is_too_large(service: Service) -> None:
    answer = service.http.post("/approve/x", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
