"""The console in a real browser, where there is one: what people do there, and who can."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

from adapters.models import DeletionRequest
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.approvals import DEPENDENCIES, awaiting
from tests.support.browsing import DESK, PHONE, browsing, needs_browser
from tests.support.busy_console import ASKED, PAGES, busy, deeds, rejected
from tests.support.rehearsal import RELAXED, TEST_COMPANY
from tests.support.serve import serve
from tests.support.service import Service, configured, running_service, secret_key, token
from workers.ledger.ledger import Ledger
from workers.outbox.approval_link import link_of
from workers.pipeline.advance import advance
from workers.processes.connections import open_context
from workers.settings import Settings
from workers.times.clock import system_clock

pytestmark = needs_browser
HOSTILE = "<script>fetch('/owned')</script><img src=/owned onerror=fetch('/owned')>"
NAME = "TestCompany"
# Of the same template as another.
ALIKE = {
    "/deletions?state=failed&q=works", "/deliveries?held=yes", "/audit?verify=yes", "/holds",
}  # fmt: skip
UNFOLD = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture
def sandbox() -> Iterator[str]:
    settings = SandboxSettings(removal_seconds=0)
    with serve(create_sandbox(settings, now=system_clock)) as url:
        yield url


def settings_of(valkey_url: str, sandbox: str, grace: str = "0s", **more: Any) -> Settings:
    policy = {**RELAXED, "export": False, "approval": "always", "grace_period": grace}
    return configured(
        valkey_url, policy=policy, secret_keys=[secret_key("k")],
        itglue={"api_key": "ITG.sandbox", "base_url": sandbox},
        schedules={"monthly": {"cron": "0 3 1 * *", "confirm_delete": True}}, **more,
    )  # fmt: skip


@pytest.fixture
async def service(
    request: pytest.FixtureRequest, valkey_url: str, sandbox: str, ledger: Ledger
) -> AsyncIterator[tuple[Service, Settings]]:
    del ledger
    settings = settings_of(valkey_url, sandbox, getattr(request, "param", "0s"))
    with running_service(settings) as running:
        running.http.get("/healthz")
        yield running, settings


@pytest.fixture
async def asking(
    valkey_url: str, sandbox: str, ledger: Ledger
) -> AsyncIterator[tuple[Service, Settings]]:
    """With a source whose PSA can be asked, and something of everything."""
    settings = settings_of(valkey_url, sandbox, sources=ASKED)
    with running_service(settings) as running:
        running.http.get("/healthz")
        await busy(ledger, settings)
        yield running, settings


async def work(ledger: Ledger, settings: Settings, deletion_id: str) -> None:
    """What a worker does with it until it waits for somebody."""
    async with open_context(settings, memory=ledger.store.memory) as context:
        while await advance(deletion_id, context) is not None:
            pass


async def asked_for(ledger: Ledger, settings: Settings) -> None:
    await ledger.deletions.create(
        deletion_id="del_1",
        request=DeletionRequest(org_id=TEST_COMPANY, confirm_delete=True, reason="contract ended"),
        operator="alice", callback_url="", idempotency_key=None, now=datetime.now(UTC),
        mode=settings.policy.mode,
    )  # fmt: skip
    await work(ledger, settings, "del_1")


async def log_in(page: Page, operator: str, path: str = "/") -> None:
    await page.goto(path)
    await page.get_by_label("Operator").fill(operator)
    await page.get_by_label("Token").fill(token(operator))
    await page.get_by_role("button", name="Log in").click()


async def test_a_plan_is_approved(service: tuple[Service, Settings], ledger: Ledger) -> None:
    running, settings = service
    await asked_for(ledger, settings)
    async with browsing(running.url) as page:
        await log_in(page, "carol")
        await page.get_by_role("link", name="1 deletion waits for approval").click()
        await page.get_by_role("link", name=NAME).click()
        assert await page.get_by_text("contacts").count()
        await page.get_by_label("Type the organization").fill("Testcompany")
        await page.get_by_role("button", name="Approve the deletion").click()
        assert "differs in upper and lower case" in await page.get_by_role("alert").inner_text()
        assert (await ledger.deletions.get("del_1")).granted is None
        await page.get_by_label("Type the organization").fill(NAME)
        await page.get_by_role("button", name="Approve the deletion").click()
        await page.get_by_text("Approved. The plan is made once more").wait_for()
        # Nobody reloads it: the page brings itself up to date.
        await work(ledger, settings, "del_1")
        await page.get_by_text("The organization is deleted, and was seen gone.").wait_for()
        assert await page.get_by_text("Approved by carol").count()


@pytest.mark.parametrize("service", ["48h"], indirect=True)
async def test_it_is_cancelled_in_grace(service: tuple[Service, Settings], ledger: Ledger) -> None:
    running, settings = service
    await asked_for(ledger, settings)
    held = await ledger.deletions.get("del_1")
    assert held.asked is not None
    await ledger.approvals.approve(
        held, seen=held.asked.seen, operator="carol", force=False, reason="", now=datetime.now(UTC)
    )
    await work(ledger, settings, "del_1")
    async with browsing(running.url) as page:
        await log_in(page, "alice", "/deletions/del_1")
        assert await page.get_by_text("It waits out its grace period").count()
        await page.get_by_role("button", name="Cancel this deletion").click()
        await page.get_by_text("Cancelled. Nothing was deleted.", exact=True).wait_for()
    assert (await ledger.deletions.get("del_1")).state == "cancelled"


async def test_a_rejected_one_is_replayed(
    service: tuple[Service, Settings], ledger: Ledger
) -> None:
    await rejected(ledger, datetime.now(UTC))
    async with browsing(service[0].url) as page:
        await log_in(page, "alice")
        await page.get_by_role("link", name="1 delivery holds deletions").click()
        await page.get_by_role("link", name="dlv_1").click()
        assert '"Status": "odd"' in await page.locator("pre").inner_text()
        await page.get_by_role("button", name="Replay this delivery").click()
        await page.get_by_text("It is taken in again").wait_for()
        await page.get_by_role("link", name="Overview").click()
        await page.get_by_text("Stop every deletion at once").click()
        await page.get_by_label("Why", exact=True).fill("too many today")
        await page.get_by_role("button", name="Pause").click()
        await page.get_by_text("Nothing is deleted while it is paused").wait_for()
        await page.get_by_text("alice").first.click()
        await page.get_by_role("button", name="Log out", exact=True).click()
        await page.get_by_role("heading", name="Log in to Unglue").wait_for()
    (replay,) = await ledger.replays.newest(5)
    assert (replay.what, replay.by) == ("deliveries", "alice")
    (pause,) = await ledger.stop_switch.pauses()
    assert pause.reason == "too many today"


async def test_by_keyboard_and_on_a_phone(asking: tuple[Service, Settings], ledger: Ledger) -> None:
    async with browsing(asking[0].url, java_script_enabled=False, viewport=PHONE) as page:

        async def go(name: str) -> None:
            """To what is called so, as who has a keyboard only: it takes the focus, then Enter."""
            found = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
            await found.first.focus()
            await page.keyboard.press("Enter")

        await log_in(page, "alice", "/sources")
        await go("Its clients in IT Glue")
        await page.get_by_text("2 of the backlog could be asked for").wait_for()
        await page.get_by_label("Or type how many: 2").focus()
        await page.keyboard.type("3")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert "type how many" in (await page.get_by_role("alert").inner_text()).lower()
        assert await ledger.sweeps.newest(5) == []
        await page.get_by_label("Or type how many: 2").focus()
        await page.keyboard.type("2")
        await go("Ask for the deletion of 2")
        await page.get_by_text("The sweep has begun.").wait_for()
        await go("Overview")
        await go("1 delivery holds deletions")
        await go("Dismiss many at once")
        await go("Look at them")
        await page.get_by_label("Why none of them").focus()
        await page.keyboard.type("a test of theirs")
        await page.keyboard.press("Tab")
        await page.keyboard.type("1")
        await go("Dismiss 1")
        await page.get_by_text("They hold no deletion any more.").wait_for()
    (sweep,) = await ledger.sweeps.newest(5)
    assert sweep.only == {"401", "402"}
    assert await ledger.holds.all() == []


async def test_a_browser_obeys_only_us(service: tuple[Service, Settings], ledger: Ledger) -> None:
    running, settings = service
    await awaiting(ledger, settings, DEPENDENCIES, name=HOSTILE)
    said: list[str] = []
    asked: list[str] = []
    async with browsing(running.url) as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await log_in(page, "carol", "/deletions/del_1")
        await page.get_by_role("button", name="Approve the deletion").wait_for()
        async with page.expect_response(
            lambda answer: "x-live" in answer.request.headers and answer.ok
        ):
            pass
        for path in ("/", "/deletions", "/audit"):
            await page.goto(path)
    assert said == []
    assert not [url for url in asked if "owned" in url]


async def told(page: Page, rules: dict[str, Any]) -> list[tuple[str, str]]:
    """What axe-core finds: each rule that is broken, and where first."""
    found = await page.evaluate("rules => axe.run(rules)", rules)
    return [(each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]]


async def test_every_page_is_accessible(asking: tuple[Service, Settings], ledger: Ledger) -> None:
    """axe-core's rules, colours in both schemes, and nothing to scroll aside on a phone."""
    running, settings = asking
    await deeds(ledger, settings)
    faults = []
    link = link_of(settings, await ledger.deletions.get("del_1"))
    assert link is not None
    pages = (*(path for path in PAGES if path not in ALIKE), urlsplit(link).path, "/docs")
    whole = {"resultTypes": ["violations"]}
    colours = {**whole, "runOnly": ["color-contrast"]}
    async with browsing(running.url, color_scheme="light") as page:
        await log_in(page, "carol")
        await page.locator("main").wait_for()
        for path in pages:
            await page.goto(path)
            # What is folded is looked at as well, where it is not a whole manual.
            if path != "/docs":
                await page.evaluate(UNFOLD)
            await page.evaluate(AXE_SCRIPT)
            await page.emulate_media(color_scheme="light")
            faults += [(path, "light", *each) for each in await told(page, whole)]
            await page.emulate_media(color_scheme="dark")
            faults += [(path, "dark", *each) for each in await told(page, colours)]
            await page.set_viewport_size(PHONE)
            wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
            faults += [(path, "phone", "it scrolls aside", "")] if wide else []
            await page.set_viewport_size(DESK)
        # And it would have told.
        await page.evaluate("document.querySelector('main').append(document.createElement('img'))")
        assert [rule for rule, _ in await told(page, whole)] == ["image-alt"]
    assert faults == []
