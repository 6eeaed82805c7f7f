"""The page behind an approval link: what it shows, what it takes, and what it refuses."""

import asyncio
import hashlib
import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
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
from tests.support.sending import send
from tests.support.service import Service, configured, running_service, secret_key, stored, token
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.outbox.approval_link import link_of, sealed
from workers.outbox.notify import fan_out
from workers.outbox.outgoing import Means
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


def says(page: httpx.Response, text: str) -> bool:
    return text in html.unescape(page.text)


async def entries(redis: Redis) -> list[tuple[str, str | None]]:
    lines = await pending(redis)
    found = [(line.get("what") or line["entry"], line.get("why")) for line in lines]
    return [each for each in found if str(each[0]).endswith("_refused")]


@dataclass
class Desk:
    """Where a deletion waits for an approval, and the way of a browser to its page."""

    service: Service
    ledger: Ledger
    settings: Settings
    redis: Redis

    async def link(self, *about: Any, **fields: Any) -> str:
        """The link of a deletion that waits."""
        return link(self.settings, await awaiting(self.ledger, self.settings, *about, **fields))

    def submit(
        self, path: str, *, operator: str = "carol", headers: Any = None, **fields: str
    ) -> httpx.Response:
        """The form as a browser sends it, from a page just opened unless a form is given."""
        content = {
            "form": fields.get("form") or form_of(self.service.http.get(path)),
            "decision": "approve",
            "name": NAME,
            "token": token(operator),
            **fields,
        }
        return self.service.http.post(path, data=content, headers=headers)

    async def refused(self, path: str, status: int, text: str, why: str) -> None:
        """By GET and by POST alike: a clear page, an audit entry, no change."""
        before = await stored(self.redis)
        http = self.service.http
        content = {"decision": "approve", "name": NAME, "token": token("carol"), "form": "x"}
        for page in (http.get(path), http.post(path, data=content)):
            assert (page.status_code, says(page, text)) == (status, True)
        told = [each for each in await entries(self.redis) if each[0] == "link_refused"]
        assert told == [("link_refused", why)] * 2
        after = await stored(self.redis)
        names = before.keys() | after.keys()
        changed = {name for name in names if before.get(name) != after.get(name)}
        assert all(name.startswith(b"unglue:audit:") for name in changed)


@pytest.fixture
def at(service: Service, ledger: Ledger, settings: Settings, redis: Redis) -> Desk:
    return Desk(service, ledger, settings, redis)


async def test_it_shows_the_plan_and_changes_nothing(at: Desk) -> None:
    path = await at.link(DEPENDENCIES, assets=7)
    before = await stored(at.redis)
    page = at.service.http.get(path)
    assert page.status_code == 200
    for text in (
        NAME, "301", "Inactive", "Customer", "contract ended", "alice", "flexible assets",
        "could not be counted", "it still holds 7 assets", "force_delete", "2 days", "no undo",
        "the configuration asks for an approval", "del_1",
    ):  # fmt: skip
        assert says(page, text), text
    assert await stored(at.redis) == before
    assert at.service.http.head(path).status_code == 200
    assert await stored(at.redis) == before


async def test_it_runs_nothing(at: Desk) -> None:
    path = await at.link()
    for page in (at.service.http.get(path), at.service.http.get("/approve/x")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script|<link|<img|src=|https?://|\bon\w+=", page.text)


HOSTILE = "<script>alert(1)</script>\u202e\"'&{{7*7}}\u2028x"


async def test_others_text_is_text(at: Desk) -> None:
    page = at.service.http.get(await at.link(name=HOSTILE))
    assert "<script" not in page.text
    assert "\u202e" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{7*7}}" in page.text


async def test_approved(at: Desk) -> None:
    path = await at.link()
    page = at.submit(path, reason="they left")
    assert page.status_code == 200, page.text
    assert says(page, "Approved")
    deletion = await at.ledger.deletions.get("del_1")
    assert deletion.granted is not None
    assert (deletion.granted.by, deletion.granted.reason) == ("carol", "they left")
    again_ = at.service.http.get(path)
    assert again_.status_code == 409
    assert says(again_, "carol approved it. To stop it still: unglue cancel del_1")
    gone = {"intent_kind": "delete", "intent_state": "accepted", "state": "verifying"}
    await at.redis.hset("unglue:deletion:del_1", mapping=dict[Any, Any](gone))
    assert says(at.service.http.get(path), "so it cannot be stopped any more")
    assert await entries(at.redis) == [("link_refused", "approved_before")] * 2


async def test_rejected(at: Desk) -> None:
    path = await at.link()
    page = at.submit(path, decision="reject", reason="")
    assert page.status_code == 422
    assert says(page, "say why")
    page = at.submit(path, decision="reject", reason="x" * 2001)
    assert (page.status_code, says(page, "longer than 2000")) == (422, True)
    page = at.submit(path, decision="reject", reason="they pay again")
    assert (page.status_code, says(page, "Rejected")) == (200, True)
    (error,) = (await at.ledger.deletions.get("del_1")).errors
    assert error.message == "rejected by operator carol: they pay again"
    gone = at.service.http.get(path)
    assert gone.status_code == 410
    assert says(gone, "It is cancelled")


async def test_force_by_the_box(at: Desk) -> None:
    path = await at.link(DEPENDENCIES)
    page = at.submit(path)
    assert page.status_code == 409
    assert says(page, "Nothing was changed")
    assert says(page, "dependency gate")
    assert at.submit(path, force_delete="yes").status_code == 200
    granted = (await at.ledger.deletions.get("del_1")).granted
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
async def test_refused(at: Desk, change: dict[str, Any], status: int, text: str, why: str) -> None:
    path = await at.link()
    page = at.submit(path, **change)
    assert page.status_code == status
    assert says(page, "Nothing was changed")
    assert says(page, text)
    assert token("carol") not in page.text
    assert await entries(at.redis) == [("approve_refused", why)]
    assert (await at.ledger.deletions.get("del_1")).state == "awaiting_approval"


async def test_a_name_in_other_bytes(at: Desk) -> None:
    path = await at.link()
    typed = NAME.replace("ä", "a\u0308").replace("ö", "o\u0308")
    assert at.submit(path, name=f" {typed} ").status_code == 200


async def test_a_form_of_another_link(at: Desk) -> None:
    one = await at.link()
    other = await at.link(deletion_id="del_2")
    page = at.submit(one, form=form_of(at.service.http.get(other)))
    assert page.status_code == 403


@pytest.mark.parametrize(("minutes", "status"), [(59, 200), (61, 403)])
async def test_a_form_lasts_an_hour(at: Desk, minutes: int, status: int) -> None:
    path = await at.link()
    of_link = hashlib.sha256(path.rpartition("/")[2].encode()).hexdigest()
    made_at = to_ms(system_clock() - timedelta(minutes=minutes))
    old = sealed(at.settings.secret_keys, "approval form", (of_link, made_at))
    assert at.submit(path, form=old).status_code == status


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
async def test_what_is_no_form(at: Desk, kind: str, body: bytes) -> None:
    path = await at.link()
    page = at.service.http.post(path, content=body, headers={"content-type": kind} if kind else {})
    assert page.status_code == 403
    assert (await at.ledger.deletions.get("del_1")).state == "awaiting_approval"


async def test_an_altered_link(at: Desk) -> None:
    path = await at.link()
    flipped = path[:-1] + ("A" if path[-1] != "A" else "B")
    await at.refused(flipped, 403, "This link is not valid here", "altered")


async def test_a_link_of_another_installation(at: Desk, valkey_url: str) -> None:
    held = await awaiting(at.ledger, at.settings)
    foreign = link(configured(valkey_url, secret_keys=[secret_key("another")]), held)
    await at.refused(foreign, 403, "This link is not valid here", "altered")


async def test_a_link_to_what_is_not_there(at: Desk) -> None:
    path = await at.link()
    await begin_anew(at.redis)
    await at.refused(path, 404, "nothing behind this link", "unknown")


async def test_a_link_that_has_expired(at: Desk) -> None:
    path = await at.link(ago=timedelta(days=7))
    await at.refused(path, 410, "This link has expired", "expired")


async def test_a_link_after_the_end(at: Desk) -> None:
    held = await awaiting(at.ledger, at.settings)
    await cancelled(at.ledger, "del_1", held.updated_at)
    await at.refused(link(at.settings, held), 410, "has ended", "ended")


async def test_a_link_to_an_older_plan(at: Desk) -> None:
    held = await awaiting(at.ledger, at.settings)
    await approved(at.ledger, held, held.updated_at)
    newer = await again(at.ledger, at.settings, assets=3)
    page = at.service.http.get(link(at.settings, newer))
    assert page.status_code == 200
    assert says(page, "flexible assets: 0 → 3")
    await at.refused(link(at.settings, held), 409, "an older plan", "moved")


async def test_a_link_of_an_earlier_generation(at: Desk) -> None:
    path = await at.link()
    await at.redis.hset("unglue:deletion:del_1", "generation", 2)
    await at.refused(path, 409, "an earlier attempt", "generation")


async def test_strangers_cannot_fill_the_audit_log_nor_hide_in_it(at: Desk) -> None:
    path = await at.link(ago=timedelta(days=7))
    for number in range(105):
        assert at.service.http.get(f"/approve/x{number}").status_code == 403
    assert len(await entries(at.redis)) == 101
    assert at.service.http.get(path).status_code == 410
    assert (await entries(at.redis))[-1] == ("link_refused", "expired")


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
async def test_a_browser_is_content(at: Desk) -> None:
    held = await awaiting(at.ledger, at.settings, DEPENDENCIES, name=HOSTILE)
    seen = await asyncio.to_thread(
        subprocess.run,
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *("--dump-dom", f"{at.service.url}{link(at.settings, held)}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Approve the deletion" in seen.stdout
    assert "Content Security Policy" not in seen.stderr
    assert "CONSOLE" not in seen.stderr


async def test_the_link_goes_where_people_are_and_opens_the_page(at: Desk) -> None:
    async with receiving() as receiver:
        target = {"url": receiver.url, "format": "json", "allow_private_networks": True}
        tables = at.settings.model_dump(exclude_unset=True, exclude={"sources", "notifications"})
        told = Settings(**tables, public_url=at.service.url, notifications={"ops": target})
        held = await awaiting(at.ledger, told)
        means = Means(at.ledger, told, system_clock, Random(7))  # noqa: S311 - jitter
        for notice_id in await at.ledger.notices.due(system_clock()):
            await fan_out(notice_id, at.ledger, told, system_clock())
        (entry,) = await at.ledger.callbacks.due(system_clock())
        # What lets somebody look is made when it is sent, and lies nowhere.
        assert "/approve/" not in str(await stored(at.redis))
        await send(entry.id, means)
    (request,) = receiver.received
    body = json.loads(request.body)
    facts = {fact["label"]: fact["value"] for fact in body["facts"]}
    assert facts["waits because"] == "the configuration asks for an approval"
    assert held.asked is not None
    assert facts["decide before"] == rfc3339(held.asked.until)
    assert body["approval_url"].startswith(f"{at.service.url}/approve/")
    assert says(at.service.http.get(body["approval_url"]), NAME)


async def test_wrong_tokens_are_limited(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.access.logins.MOST", 0)
    path = await at.link()
    page = at.submit(path, token="nobody's")
    assert page.status_code == 429
    assert says(page, "too many wrong tokens")
    assert at.submit(path).status_code == 200


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


async def test_no_redis_is_a_page(at: Desk) -> None:
    path = await at.link()
    form = form_of(at.service.http.get(path))
    gone = configured("redis://127.0.0.1:1/0", policy=POLICY, secret_keys=at.settings.secret_keys)
    with running_service(gone) as away:
        texts = ("unreachable", "This decided nothing", "Try again in a minute", "del_1")
        unavailable(away.http.get(path), *texts)
        unavailable(replace(at, service=away).submit(path, form=form), *texts)
        unavailable(away.http.get("/approve/x"), *texts[:3])
    assert (await at.ledger.deletions.get("del_1")).state == "awaiting_approval"


@pytest.mark.parametrize(("decision", "state"), [("approve", "queued"), ("reject", "cancelled")])
async def test_after_a_failing_redis_the_form_is_sent_again(
    at: Desk, decision: str, state: str
) -> None:
    path = await at.link()
    form = form_of(at.service.http.get(path))
    # It answers to those who read, and takes no writes.
    await at.redis.config_set("min-replicas-to-write", 1)
    try:
        page = at.submit(path, form=form, decision=decision, reason="they left")
    finally:
        await at.redis.config_set("min-replicas-to-write", 0)
    unavailable(page, "not known whether that was decided", "read-only", "Send the same again")
    assert NAME in html.unescape(page.text)
    assert 'value="they left"' in page.text
    assert (await at.ledger.deletions.get("del_1")).state == "awaiting_approval"
    page = at.submit(path, form=form_of(page), decision=decision, reason="they left")
    assert page.status_code == 200
    assert (await at.ledger.deletions.get("del_1")).state == state


@pytest.mark.parametrize(("decision", "done"), [("approve", "approved"), ("reject", "rejected")])
async def test_what_may_be_lost_is_confirmed_when_sent_again(
    at: Desk, decision: str, done: str
) -> None:
    path = await at.link()
    # It never says that it has anything on disk.
    await at.redis.config_set("appendfsync", "no")
    try:
        page = at.submit(path, decision=decision, reason="they left")
        unavailable(page, f"It is {done}, and that may yet be lost", "Send the same again")
        form = form_of(page)
        page = at.submit(path, form=form, decision=decision, reason="they left")
        unavailable(page, f"It is {done}, and that may yet be lost")
    finally:
        await at.redis.config_set("appendfsync", "always")
    once = await at.redis.xlen("unglue:audit:pending")
    page = at.submit(path, form=form, decision=decision, reason="they left")
    assert (page.status_code, says(page, done.capitalize())) == (200, True), page.text
    assert await at.redis.xlen("unglue:audit:pending") == once
    # Of another one it is no repetition.
    other = "reject" if decision == "approve" else "approve"
    page = at.submit(path, form=form, decision=other, reason="they left")
    assert page.status_code == (410 if decision == "reject" else 409)
    assert (await at.ledger.deletions.get("del_1")).granted is None or decision == "approve"


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
