"""A ledger of an older release is brought up to date, one of a newer release is left alone."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.support.clock import TestClock
from tests.support.service import configured, running_service
from workers.ledger.installation.condition import condition_of
from workers.ledger.ledger import Ledger
from workers.processes.runtime import open_ledger
from workers.upkeep.storage import StorageUnfit, require_fit


async def test_older_ones_migrate_once(redis: Redis, ledger: Ledger, clock: TestClock) -> None:
    assert not await redis.hexists("unglue:ledger", "form")
    before, present = await ledger.form.take_on(clock())
    assert before < present
    assert await redis.hget("unglue:ledger", "form") == str(present).encode()
    assert await ledger.form.take_on(clock()) == (present, present)


async def test_a_newer_one_is_left_alone(redis: Redis, valkey_url: str, clock: TestClock) -> None:
    settings = configured(valkey_url)
    async with open_ledger(settings) as ledger:
        await require_fit(ledger)
        known = int(await redis.hget("unglue:ledger", "form") or 0)
        await redis.hset("unglue:ledger", "form", known + 1)
        with pytest.raises(StorageUnfit, match=f"form {known + 1}.*up to {known}.*newer Unglue"):
            await require_fit(ledger)
        # A part that has run since before the upgrade.
        with pytest.raises(ResponseError) as refused:
            await ledger.stop_switch.pause("alice", "stop", clock())
        assert condition_of(refused.value) == "newer form"
        assert not await redis.exists("unglue:paused")
        assert await redis.hget("unglue:ledger", "form") == str(known + 1).encode()


async def test_an_older_service_has_its_events_sent_again(redis: Redis, valkey_url: str) -> None:
    with running_service(configured(valkey_url)) as service:
        await redis.hset("unglue:ledger", "form", 999)
        assert service.ask({"org_id": "5", "confirm_delete": True}).status_code == 503
        assert service.http.get("/readyz").json()["parts"]["redis"] == "newer form"
