"""A rehearsal with a schedule: sweep, look at what it came to."""

from dataclasses import replace
from typing import Any

from tests.support.ledgers import notices
from tests.support.rehearsal import KEY, RELAXED, Rehearsal
from workers.bulk.sweep.walk import advance_sweep
from workers.ledger.bulk.sweeps import Sweep
from workers.ledger.records import Deletion
from workers.settings import Settings

CRON = "0 3 * * *"
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


class Sweeping:
    """What a worker does with the sweeps of one schedule, `nightly`."""

    def __init__(self, it: Rehearsal, *, callback: Any = None, **schedule: Any) -> None:
        tables: dict[str, Any] = {"confirm_delete": True, "max_share": 1.0, **schedule}
        settings = Settings(
            itglue={"base_url": it.url, "api_key": KEY},
            policy={"export": False, **RELAXED, **it.policy},
            callback=callback or {},
            sources={
                "cw": {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "C"}
            },
            schedules={"nightly": {"cron": CRON, **tables}},
        )
        self.it = it
        it.settings = settings
        it.context = replace(it.context, settings=settings)
        self.queued: list[str] = []

    async def begin(self, *, preview: bool = False) -> str:
        """A person asks for a sweep."""
        name = self.new_id("swp")
        await self.it.ledger.sweeps.begin(
            name, "nightly", by="alice", preview=preview, now=self.it.clock()
        )
        return name

    async def advance(self, sweep_id: str) -> Sweep:
        """One job."""
        await advance_sweep(sweep_id, self.it.context, self.enqueue, self.new_id)
        return await self.it.ledger.sweeps.get(sweep_id)

    async def enqueue(self, deletion_id: str, number: int) -> None:
        del number
        self.queued.append(deletion_id)

    def new_id(self, kind: str) -> str:
        self.it._number += 1
        return f"{kind}_{self.it._number}"

    async def summary(self, *, preview: bool = False) -> dict[str, Any]:
        """A whole sweep's summary."""
        sweep = await self.advance(await self.begin(preview=preview))
        assert sweep.summary is not None
        return dict(sweep.summary)

    async def deletions(self) -> list[Deletion]:
        return await self.it.ledger.listing.open()

    async def notices(self) -> list[dict[str, Any]]:
        return await notices(self.it.ledger)


def found(summary: dict[str, Any]) -> list[str]:
    return sorted(each["org_id"] for each in summary["candidates"])


def skipped(summary: dict[str, Any]) -> dict[str, str]:
    return {each["org_id"]: each["why"].partition(":")[0] for each in summary["skipped"]}
