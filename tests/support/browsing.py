"""A real browser, where there is one."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, async_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), ""
)
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE: ViewportSize = {"width": 375, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}


@asynccontextmanager
async def browsing(url: str, **context: Any) -> AsyncIterator[Page]:
    """A page of a browser that keeps nothing; what waits fails after 20 s."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        opened = await browser.new_context(base_url=url, **{"viewport": DESK, **context})
        opened.set_default_timeout(20_000)
        try:
            yield await opened.new_page()
        finally:
            await browser.close()
