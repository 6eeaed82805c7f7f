"""Pictures of the console for the documentation: `python -m tests.screenshots`.

Needs Chromium. Look at them before they are committed.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import FloatRect, ViewportSize
from redis.asyncio import Redis

from tests.support.browsing import DESK, PHONE, browsing
from tests.support.busy_console import ASKED, busy, deeds
from tests.support.ledgers import new_store
from tests.support.service import configured, running_service, secret_key, token
from tests.support.valkey import running_valkey
from workers.ledger.ledger import Ledger
from workers.settings import Settings

FOLDER: Final = Path("docs/screenshots")
MOST: Final = 1800
Scheme = Literal["light", "dark"]
# Each in three pictures: light, dark, and on a phone.
SHOTS: Final[Mapping[str, str]] = {
    "overview": "/",
    "deletions": "/deletions",
    "deletion": "/deletions/del_1",
    "deletion-failed": "/deletions/del_2",
    "deliveries": "/deliveries",
    "delivery": "/deliveries/dlv_1",
    "holds": "/holds?source=cw&verdict=rejected",
    "results": "/results",
    "result": "/results/cb_2_1",
    "replays": "/replays?what=deletions",
    "links": "/links/cw",
    "sources": "/sources",
    "schedules": "/schedules",
    "protected": "/protected",
    "protected-one": "/protected/4",
    "audit": "/audit?verify=yes",
    "month": "/month",
    "nothing-here": "/deletions/del_none",
    "log-in": "/log-in",
}
LOOKS: Final[tuple[tuple[str, Scheme, ViewportSize], ...]] = (
    ("", "light", DESK), ("-dark", "dark", DESK), ("-phone", "light", PHONE),
)  # fmt: skip
# She may approve what alice asked for.
APPROVER: Final = "carol"


async def filled(redis_url: str, settings: Settings) -> None:
    """A ledger with something of everything."""
    redis = Redis.from_url(redis_url)
    ledger = Ledger(await new_store(redis))
    await busy(ledger, settings)
    await deeds(ledger, settings)
    await redis.aclose()


async def taken(url: str) -> None:
    """Every picture."""
    async with browsing(url) as page:
        was = ""
        for name, path in SHOTS.items():
            operator = APPROVER if name == "deletion" else "alice"
            if operator != was:
                await page.goto("/log-in")
                await page.get_by_label("Operator").fill(operator)
                await page.get_by_label("Token").fill(token(operator))
                await page.get_by_role("button", name="Log in", exact=True).click()
                await page.get_by_role("link", name="Overview").wait_for()
                was = operator
            for look, scheme, size in LOOKS:
                await page.emulate_media(color_scheme=scheme)
                await page.set_viewport_size(size)
                await page.goto(path)
                height = min(await page.evaluate("document.documentElement.scrollHeight"), MOST)
                part: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height}
                file = FOLDER / f"{name}{look}.png"
                await page.screenshot(path=file, full_page=True, clip=part)


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
