"""What the console's pages show, and that nothing of others is obeyed by a browser."""

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from adapters.models import DeletionRequest
from service.console.overview import chart
from tests.support.approvals import DEPENDENCIES, NAME, awaiting
from tests.support.busy_console import deeds, ended
from tests.support.console import Browser
from tests.support.deletions import requested
from tests.support.service import configured, secret_key
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.pipeline.states import STATES
from workers.settings import Settings
from workers.times.clock import to_ms

HOSTILE = "<script>alert(1)</script>\u202e\"'&{{7*7}}\u2028\x07x"
PAGES = (
    "/", "/deletions", "/deletions?q=301", "/deletions?state=awaiting_approval&source=api",
    "/deletions/del_1", "/deliveries", "/deliveries?held=yes", "/results", "/sources",
    "/replays", "/replays?what=deletions", "/holds", "/holds?source=cw&verdict=rejected",
    "/schedules", "/protected", "/audit",
    "/audit?verify=yes", "/month", "/month/none", "/deletions/del_none", "/deliveries/dlv_none",
    "/results/cb_none", "/protected/none", "/protected/9/none", "/links/none",
)  # fmt: skip


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Settings:
    policy = {"export": False, "approval": "always", "grace_period": "48h"}
    schedule = {"cron": "0 3 1 * *", "confirm_delete": True}
    return configured(
        valkey_url, policy=policy, secret_keys=[secret_key("k")], schedules={"weekly": schedule}
    )


def text_of(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


async def ask(ledger: Ledger, name: str, org_id: str, ago: timedelta = timedelta()) -> None:
    request = DeletionRequest(org_id=org_id, org_name=f"Client {org_id}", confirm_delete=True)
    await requested(ledger, name, datetime.now(UTC) - ago, request)


async def receive(ledger: Ledger, *, body: bytes, reason: str = "malformed") -> None:
    await ledger.deliveries.receive(
        delivery={
            "id": "dlv_1",
            "source": "cw",
            "vendor": "connectwise",
            "headers": '[["x-note", "<b>\\u202e"], ["x-content-signature", "abc"]]',
        },
        body=body,
        events=[
            {"kind": "rejected", "event_id": "e1", "reason": reason, "detail": "", "clients": []}
        ],
        now=datetime.now(UTC),
    )


async def test_the_overview_says_what_needs_somebody(alice: Browser, ledger: Ledger) -> None:
    await ledger.stop_switch.pause("bob", "for a test", datetime.now(UTC))
    await ask(ledger, "del_2", "7")
    page = text_of(alice, "/")
    for text in ("Needs you now", "paused by bob", "for a test", "no worker is alive", "queued"):
        assert text in page, text


async def test_failures_and_silence_are_told(alice: Browser, ledger: Ledger, redis: Redis) -> None:
    await ask(ledger, "del_2", "7")
    held = await ledger.deletions.lease("del_2", datetime.now(UTC))
    assert held is not None
    await ledger.deletions.record(held, Change("failed"), datetime.now(UTC))
    long_ago = datetime.now(UTC) - timedelta(days=90)
    await redis.hset("unglue:sources:last", "cw", str(to_ms(long_ago)))
    page = text_of(alice, "/")
    assert "1 of what was asked for since yesterday failed" in page
    assert "source cw has been silent for more than" in page
    # Every form is given out once: after a cure the next page's form acts anew.
    replay = "/deletions/del_2"
    first, second = (
        re.findall(r'name="once" value="([^"]+)"', text_of(alice, replay))[0] for _ in range(2)
    )
    assert first != second


def test_the_chart_is_as_high_as_its_highest_day() -> None:
    none = dict.fromkeys(STATES, 0)
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
    bars = chart(days, [none, {**none, "deleted": 3, "failed": 1}, {**none, "queued": 2}])
    assert [bar.total for bar in bars] == [0, 4, 2]
    assert bars[0].parts == ()
    assert bars[1].parts == (("deleted", 3, 25.0, 75.0), ("failed", 1, 0.0, 25.0))
    assert bars[2].parts == (("other", 2, 50.0, 50.0),)


async def test_deletions_are_filtered(alice: Browser, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    await ask(ledger, "del_2", "302")

    def listed(query: str) -> set[str]:
        return set(re.findall(r'"/deletions/(del_\w+)"', text_of(alice, f"/deletions{query}")))

    assert listed("") == {"del_1", "del_2"}
    assert listed("?q=302") == {"del_2"}
    assert listed("?q=b%C3%A4ckerei") == {"del_1"}
    assert listed("?q=del_2") == {"del_2"}
    assert listed("?state=awaiting_approval") == {"del_1"}
    assert listed("?source=cw") == set()
    assert alice.get("/deletions?state=gone").status_code == 422
    for path in ("/deletions", "/deliveries", "/results"):
        assert alice.get(f"{path}?until=x").status_code == 422


async def test_a_page_of_deletions_leads_to_the_next_one(alice: Browser, ledger: Ledger) -> None:
    for number in range(103):
        await ask(ledger, f"del_{number}", str(number + 1), timedelta(minutes=number))
    page = text_of(alice, "/deletions?source=api")
    assert page.count('"/deletions/del_') == 100
    (older,) = re.findall(r'href="(/deletions\?[^"]+)">Older', page)
    assert "source=api" in older
    assert text_of(alice, older).count('"/deletions/del_') == 3


async def test_one_begins_with_its_end(alice: Browser, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings, DEPENDENCIES, assets=7)
    page = text_of(alice, "/deletions/del_1")
    assert page.index("It waits for somebody to approve") < page.index("What it holds")
    for text in (
        NAME, "301", "contract ended", "flexible assets", "could not be counted",
        "it still holds 7 assets", "1 of 2 gates pass", "Asked for by api alice",
        "An approval is asked for", "You asked for it", "carol", '"confirm_delete": true',
    ):  # fmt: skip
        assert text in page, text
    # Who asked for it may not approve it, and finds no form for that.
    assert "/del_1/approve" not in page


async def test_what_people_did_is_told(alice: Browser, ledger: Ledger, settings: Settings) -> None:
    await ask(ledger, "del_2", "302")
    await deeds(ledger, settings)
    page = text_of(alice, "/audit?verify=yes")
    for text in ("The chain is whole", 'href="/deletions/del_2"', "rate 60"):
        assert text in page, text
    assert re.search(r"--expect-head \d+:[0-9a-f]{64}", page)
    # What only a verification reads is no detail for people.
    assert not re.search(r"\b(sig|prev|hash)\b", page)
    page = text_of(alice, "/schedules")
    for text in ("2 candidates of 3 organizations, 0 deletions asked for", "Violet Pumps"):
        assert text in page, text
    assert "0 of 2" in text_of(alice, "/replays")


async def test_a_rejected_one_is_read_without_its_secrets(alice: Browser, ledger: Ledger) -> None:
    body = b'{"Status": "<i>odd", "api_token": "s3cr3t", "Metadata": {"key_url": "https://k/x"}}'
    await receive(ledger, body=body)
    assert "holds deletions" in text_of(alice, "/deliveries?held=yes")
    page = text_of(alice, "/deliveries/dlv_1")
    assert '"Status": "<i>odd"' in page
    for secret in ("s3cr3t", "https://k/x", "abc"):
        assert secret not in page
    assert "/deliveries/dlv_1/dismiss" in page


async def test_others_text_stays_text(alice: Browser, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings, DEPENDENCIES, name=HOSTILE)
    await ledger.protections.protect("9", datetime.now(UTC), how="api", by="x", reason=HOSTILE)
    await ledger.stop_switch.pause("bob", HOSTILE, datetime.now(UTC))
    await receive(ledger, body=f'{{"name": "{HOSTILE}'.encode(), reason=HOSTILE)
    now = datetime.now(UTC)
    await ended(ledger, "del_2", "<script>alert(2)</script>", "failed", now)
    sent = await ledger.callbacks.lease("cb_2_1", now)
    assert sent is not None
    line = {"webhook_id": "msg_2_1", "attempt": 1, "status": 500, "state": "dead", "why": HOSTILE,
            "answer": HOSTILE}  # fmt: skip
    await ledger.callbacks.record(
        sent, state="dead", ready_at=now, status=500, answer=HOSTILE, line=line, now=now
    )
    for path in (
        *PAGES, "/deliveries/dlv_1", "/results/cb_2_1", "/protected/9", "/deletions/del_2",
        f"/deletions?q={quote(HOSTILE)}", f"/replays?what=deliveries&source={quote(HOSTILE)}",
        f"/audit?operator={quote(HOSTILE)}", f"/log-in?next={quote(HOSTILE)}",
        f"/log-in/oidc/back?error={quote(HOSTILE)}",
    ):  # fmt: skip
        page = alice.http.get(path).text
        assert "<script>alert" not in page, path
        assert not re.search("[\u202e\u2028\x07]", page), path
        assert "{{" not in page or "{{7*7}}" in page, path
        assert not re.search(r"\bon\w+=|src=|javascript:", page), path


async def test_every_page_runs_only_ours(
    alice: Browser, settings: Settings, ledger: Ledger
) -> None:
    await awaiting(ledger, settings)
    for path in PAGES:
        answer = alice.get(path)
        assert answer.status_code == (404 if path.endswith("none") else 200), path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"


async def test_the_month_is_a_page_and_a_table_for_programs(alice: Browser, ledger: Ledger) -> None:
    await ask(ledger, "del_2", "302")
    month = datetime.now(UTC).strftime("%Y-%m")
    assert f"month={month}&format=csv" in text_of(alice, "/month")
    table = alice.get(f"/month?month={month}&format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert f"{month},api,open,False,,1" in table.text
    assert alice.get("/month?month=x").status_code == 422
