"""The console in a real browser, where there is one: it obeys only us."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.app import create_app
from service.console.door.session import begun, cookie_name
from tests.support.approvals import DEPENDENCIES, awaiting
from tests.support.serve import serve
from tests.support.service import Outside, configured, secret_key
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import system_clock

BROWSER = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
HOSTILE = "<script>fetch('/owned')</script><img src=/owned onerror=fetch('/owned')>"


class LoggedIn:
    """The app, as somebody sees it who has logged in."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        now = system_clock()
        value = begun(settings, "carol", 0, now).sealed(settings, now)
        self._cookie = (b"cookie", f"{cookie_name(settings)}={value}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], self._cookie]}
        await self._app(scope, receive, send)


@pytest.fixture
def settings(valkey_url: str) -> Settings:
    policy = {"export": False, "approval": "always", "grace_period": "48h"}
    return configured(valkey_url, policy=policy, secret_keys=[secret_key("k")])


@pytest.fixture
def console(settings: Settings) -> Iterator[tuple[str, Outside]]:
    asked = Outside(LoggedIn(create_app(settings), settings))
    with serve(asked) as url:
        yield url, asked


async def test_a_browser_obeys_only_us(
    console: tuple[str, Outside], settings: Settings, ledger: Ledger
) -> None:
    await awaiting(ledger, settings, DEPENDENCIES, name=HOSTILE)
    url, asked = console
    seen = subprocess.run(  # noqa: ASYNC221, S603 - nothing else is to be done meanwhile
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--enable-logging=stderr", "--virtual-time-budget=6000"),
            *("--dump-dom", f"{url}/deletions/del_1"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Approve the deletion" in seen.stdout
    assert "Content Security Policy" not in seen.stderr
    assert "CONSOLE" not in seen.stderr
    assert not [path for path in asked.asked if "owned" in path]
    # The script looked whether there is something new.
    assert asked.asked.count("/deletions/del_1") > 1
