"""The dashboard in a real browser, where there is one: it works, and hostile jobs stay text."""

import base64
import html
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from redis import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.app import create_app
from tests.support.browsing import PHONE, browsing
from tests.support.dashboard import HOSTILE, fill
from tests.support.serve import serve
from tests.support.service import Outside, configured, token

BROWSER = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")


class LoggedIn:
    """The app, as somebody sees it who has logged in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            login = base64.b64encode(f"dave:{token('dave')}".encode())
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", b"Basic " + login)]}
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def dashboard(valkey_url: str) -> Iterator[tuple[str, Outside]]:
    with Redis.from_url(valkey_url) as redis:
        fill(redis)
    asked = Outside(LoggedIn(create_app(configured(valkey_url))))
    with serve(asked) as url:
        yield url, asked


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("queues", ["<td>unglue</td>", "/rq/0/view/jobs/unglue/failed/8/asc/1"]),
        ("workers", [f"echo({HOSTILE[:20]!r}"[:20], "/rq/0/view/job/running"]),
        ("jobs/unglue/failed/8/asc/1", [HOSTILE, "RuntimeError: ", "/rq/0/view/job/failed"]),
        ("jobs/unglue/finished/8/dsc/1", [HOSTILE, "/rq/0/view/job/ended"]),
        ("job/failed", [HOSTILE, "RuntimeError: ", "<br>failed</p>"]),
        ("job/ended", [HOSTILE, "<br>finished</p>"]),
    ],
)
def test_hostile_jobs_are_text(dashboard: tuple[str, Outside], page: str, texts: list[str]) -> None:
    url, asked = dashboard
    asked.asked.clear()
    seen = subprocess.run(  # noqa: S603 - the browser, at an address of ours
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"),
            *("--enable-logging=stderr", "--dump-dom", f"{url}/rq/0/view/{page}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    for text in texts:
        assert text in seen.stdout or html.escape(text, quote=False) in seen.stdout
    assert "Loading..." not in seen.stdout or "display: none" in seen.stdout
    assert "Uncaught" not in seen.stderr
    assert "Executing inline" not in seen.stderr  # nothing hostile had to be stopped by the policy
    assert any("/data/" in path for path in asked.asked)
    assert not [path for path in asked.asked if "owned" in path]


async def test_every_page_is_accessible(dashboard: tuple[str, Outside]) -> None:
    """axe-core's rules in both schemes, of which the package knows one; and a phone."""
    url, _ = dashboard
    faults = []
    async with browsing(url) as page:
        for path in (
            "", "0/view/workers", "0/view/jobs/unglue/failed/8/asc/1",
            "0/view/jobs/unglue/queued/8/asc/1", "0/view/job/failed",
        ):  # fmt: skip
            await page.goto(f"/rq/{path}")
            await page.get_by_text("Loading...").last.wait_for(state="hidden")
            await page.evaluate(AXE_SCRIPT)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                found = await page.evaluate("axe.run({resultTypes: ['violations']})")
                faults += [
                    (path, scheme, each["id"], each["nodes"][0]["html"][:120])
                    for each in found["violations"]
                ]
        await page.set_viewport_size(PHONE)
        for path in ("0/view/jobs/unglue/failed/8/asc/1", "0/view/job/failed"):
            await page.goto(f"/rq/{path}")
            await page.get_by_text("RuntimeError").first.wait_for()
            assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert faults == []
