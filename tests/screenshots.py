"""Pictures of the console for the documentation: `python -m tests.screenshots`.

Needs Chromium. Look at them before they are committed.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import FloatRect
from redis.asyncio import Redis

from tests.support.browsing import DESK, PHONE, browsing
from tests.support.busy_console import ASKED, busy
from tests.support.ledgers import new_store
from tests.support.service import configured, running_service, secret_key, token
from tests.support.valkey import running_valkey
from workers.ledger.ledger import Ledger
from workers.settings import Settings

FOLDER: Final = Path("docs/screenshots")
MOST: Final = 1800
Scheme = Literal["light", "dark"]
# Name, address, colours, whether on a phone, who looks.
SHOTS: Final[tuple[tuple[str, str, Scheme, bool, str], ...]] = (
    ("overview", "/", "light", False, "alice"),
    ("overview-dark", "/", "dark", False, "alice"),
    ("overview-phone", "/", "light", True, "alice"),
    ("deletions-phone", "/deletions", "dark", True, "alice"),
    ("deletion", "/deletions/del_1", "light", False, "carol"),
    ("deletion-dark", "/deletions/del_1", "dark", False, "carol"),
    ("delivery", "/deliveries/dlv_1", "light", False, "alice"),
    ("result", "/results/cb_2_1", "light", False, "alice"),
    ("replays", "/replays?what=deletions", "light", False, "alice"),
    ("replays-phone", "/replays?what=deletions", "dark", True, "alice"),
    ("deletions", "/deletions", "light", False, "alice"),
    ("deliveries", "/deliveries", "light", False, "alice"),
    ("deliveries-phone", "/deliveries", "light", True, "alice"),
    ("delivery-phone", "/deliveries/dlv_1", "dark", True, "alice"),
    ("holds", "/holds?source=cw&verdict=rejected", "light", False, "alice"),
    ("links", "/links/cw", "light", False, "alice"),
    ("links-dark", "/links/cw", "dark", False, "alice"),
    ("links-phone", "/links/cw", "light", True, "alice"),
    ("sources", "/sources", "light", False, "alice"),
    ("sources-phone", "/sources", "dark", True, "alice"),
    ("month", "/month", "light", False, "alice"),
    ("month-dark", "/month", "dark", False, "alice"),
    ("deletion-phone", "/deletions/del_1", "light", True, "carol"),
    ("audit", "/audit", "light", False, "alice"),
    ("schedules", "/schedules", "light", False, "alice"),
    ("protected", "/protected/4", "dark", False, "alice"),
    ("log-in", "/log-in", "light", False, "alice"),
)


async def filled(redis_url: str, settings: Settings) -> None:
    """A ledger with something of everything."""
    redis = Redis.from_url(redis_url)
    await busy(Ledger(await new_store(redis)), settings)
    await redis.aclose()


async def taken(url: str) -> None:
    """Every picture."""
    async with browsing(url) as page:
        was = ""
        for name, path, scheme, phone, operator in SHOTS:
            if operator != was:
                await page.goto("/log-in")
                await page.get_by_label("Operator").fill(operator)
                await page.get_by_label("Token").fill(token(operator))
                await page.get_by_role("button", name="Log in", exact=True).click()
                await page.get_by_role("link", name="Overview").wait_for()
                was = operator
            await page.emulate_media(color_scheme=scheme)
            size = PHONE if phone else DESK
            await page.set_viewport_size(size)
            await page.goto(path)
            height = await page.evaluate("document.documentElement.scrollHeight")
            part: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": min(height, MOST)}
            await page.screenshot(path=FOLDER / f"{name}.png", full_page=True, clip=part)


def main() -> None:
    """Write them all."""
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder, running_valkey(
        Path(folder)
    ) as redis_url:  # fmt: skip
        settings = configured(
            redis_url, policy={"approval": "always", "grace_period": "48h"},
            secret_keys=[secret_key("k")], public_url="http://127.0.0.1:8000", sources=ASKED,
            schedules={"monthly": {"cron": "0 3 1 * *", "confirm_delete": True}},
            oidc={"issuer": "https://login.example.com", "client_id": "unglue",
                  "roles_claim": "groups", "roles": {"unglue": ["approve"]}},
        )  # fmt: skip
        asyncio.run(filled(redis_url, settings))
        with running_service(settings) as service:
            asyncio.run(taken(service.url))


if __name__ == "__main__":
    main()
