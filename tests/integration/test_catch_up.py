"""Catching up: what no event said is found in both directions, once, and the point waits for it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.headers import Headers
from service.sandbox.psa.autotask import AT_KEYS
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.tenant import Tenant, written
from tests.integration.test_quarantine import Keys
from tests.support.clock import TestClock
from tests.support.ledgers import notices
from workers.bulk.catch_up.compared import SETTLED
from workers.bulk.catch_up.walk import OVERLAP, Way, advance_catch_up
from workers.intake.intake import Acknowledged, Intake
from workers.ledger.events.catch_ups import CatchUp
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.psa.companies import Asked
from workers.settings import Settings
from workers.settings.schedules import catch_ups
from workers.times.clock import rfc3339

GUID = "11111111-2222-4333-8444-555555555555"
SIGNING_KEY = "the key"


def tables(url: str, **more: Any) -> dict[str, Any]:
    """Two sources with credentials."""
    cw = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt"}
    at = {"vendor": "autotask", "secrets": ["sixteen characters"], "webhook_guid": GUID}
    shared = {"confirm_delete": True, **more}
    return {
        "cw": {**cw, **shared, "api": {**CW_KEYS, "base_url": url}},
        "at": {**at, **shared, "api": {**AT_KEYS, "base_url": url}},
    }


@dataclass
class Caught:
    """An installation with a PSA that it can be caught up with."""

    way: Way
    psa: Tenant
    clock: TestClock
    redis: Redis
    jobs: list[str]

    async def run(self, source: str = "cw", *, after: timedelta = SETTLED) -> CatchUp:
        """A whole run, once what was changed is settled."""
        self.clock.forward(seconds=after.total_seconds() + 1)
        await self.way.ledger.catch_ups.begin(source, None, self.clock())
        while True:
            run = await advance_catch_up(f"cup_{source}", self.way)
            assert run is not None
            if run.finished_at is not None:
                return run

    async def event(
        self, company: int, name: str, status: str = "Inactive", message: str = ""
    ) -> Acknowledged:
        """The callback about a company as it stands in the PSA."""
        record = self.psa.companies[str(company)]
        entity = {**record, "status": {"id": 2, "name": status}}
        body = json.dumps(
            {
                "Action": "updated", "Type": "company", "ID": company, "CompanyId": "Cobalt",
                "Entity": json.dumps(entity), "FromUrl": "na.myconnectwise.net",
                "MessageId": message or f"m-{company}-{self.clock().isoformat()}-{name}",
                "Metadata": {"key_url": "https://na.myconnectwise.net/v4/system/callbackkey/"
                             "index.rails?companyName=Cobalt&id=1"},
            }
        ).encode()  # fmt: skip
        config, adapter = self.way.intake.source("cw")
        signed = adapter.sign(config, body, SIGNING_KEY, "", self.clock())
        return await self.way.intake.accept("cw", Headers.of(list(signed.items())), body)

    async def deletions(self) -> list[Deletion]:
        return await self.way.ledger.listing.open()

    async def register(self, company: int, source: str = "cw") -> str | None:
        fields = await self.way.ledger.store.hash("register", source, str(company))
        return fields.get("state")


@pytest.fixture
async def it(
    ledger: Ledger, clock: TestClock, redis: Redis, served: tuple[Tenant, str]
) -> AsyncIterator[Caught]:
    psa, url = served
    psa.reset()
    psa.clock = clock
    settings = Settings(itglue={"api_key": "ITG.x"}, sources=tables(url))
    async with Asked(settings.sources) as asked:
        caught = Caught(way_of(ledger, clock, settings, asked), psa, clock, redis, [])
        for source in ("cw", "at"):
            # Who looks for the first time begins then.
            assert (await caught.run(source)).fault == ""
        yield caught


def way_of(ledger: Ledger, clock: TestClock, settings: Settings, asked: Asked) -> Way:
    numbers = iter(range(1, 1_000_000))
    keys = Keys()
    keys.answer = SIGNING_KEY
    intake = Intake(
        sources=settings.sources,
        deliveries=ledger.deliveries,
        quarantine=ledger.quarantine,
        keys=keys,
        callback_url=None,
        max_event_age=settings.policy.max_event_age,
        clock=clock,
        new_id=lambda kind: f"{kind}_{next(numbers)}",
    )

    async def enqueue(deletion_id: str, number: int) -> None:
        del deletion_id, number

    return Way(ledger, intake, asked, settings, enqueue, clock)


async def test_what_no_event_said_is_found_once(it: Caught) -> None:
    it.psa.company(250, "Violet Pump Works")
    it.psa.company(251, "Amber Mills", status=1)
    run = await it.run()
    assert (run.inactive, run.active, run.fault) == (1, 1, "")
    (deletion,) = await it.deletions()
    assert deletion.request.plain() == {
        "org_name": "Violet Pump Works",
        "confirm_delete": True,
        "dry_run": False,
        "force_delete": False,
        "reason": "company 250 is inactive in the PSA: its status is 'Inactive', an inactive one",
        "psa": {"integration_type": "manage", "company_id": "250"},
    }
    delivery = await it.way.ledger.deliveries.get(deletion.delivery_id or "")
    assert (delivery.caught_up, delivery.verdict) == (True, "accepted")
    # It is not what a sender sent, so the source is as silent as before.
    assert (await it.way.ledger.sources.activity("cw")).last_delivery is None
    for _ in range(3):
        again = await it.run()
        assert (again.inactive, again.active) == (0, 0)
    assert len(await it.deletions()) == 1
    assert await it.way.ledger.catch_ups.found("cw") == {"inactive": 1, "active": 1}
    (told,) = await notices(it.way.ledger, "events_missed")
    assert (told["source"], told["inactive"], told["active"]) == ("cw", 1, 1)
    assert told["cause"] == "no callback of ConnectWise leads to this source"


async def test_what_an_event_said_is_not_said_again(it: Caught) -> None:
    it.psa.company(250, "Violet Pump Works")
    await it.event(250, "Violet Pump Works")
    it.clock.forward(seconds=5)
    it.psa.company(251, "Amber Mills", status=1)
    await it.event(251, "Amber Mills", "Active")
    run = await it.run()
    assert (run.inactive, run.active) == (0, 0)
    assert len(await it.deletions()) == 1


async def test_a_lost_reactivation_cancels(it: Caught) -> None:
    it.psa.company(250, "Violet Pump Works")
    taken = await it.event(250, "Violet Pump Works")
    it.clock.forward(seconds=30)
    it.psa.company(250, "Violet Pump Works", status=1)
    assert (await it.run()).active == 1
    deletion = await it.way.ledger.deletions.get(taken.strongest.deletion_id or "")
    assert (deletion.state, await it.register(250)) == ("cancelled", "active")
    # And the event of before, delivered late, changes nothing any more.
    it.psa.companies["250"]["_info"]["lastUpdated"] = written(deletion.created_at)
    late = await it.event(250, "Violet Pump Works")
    assert late.strongest.reason == "stale"
    it.clock.forward(seconds=30)
    it.psa.company(250, "Violet Pump Works")
    assert (await it.run()).inactive == 1
    assert await it.register(250) == "inactive"


async def test_what_is_young_is_left_to_its_event(it: Caught) -> None:
    it.psa.company(250, "Violet Pump Works")
    assert (await it.run(after=timedelta(minutes=1))).inactive == 0
    assert (await it.run()).inactive == 1


@pytest.mark.parametrize("fault", [401, 403, 404, 429, 500, 302])
@pytest.mark.parametrize("source", ["cw", "at"])
async def test_the_point_stays_while_the_psa_is_away(it: Caught, source: str, fault: int) -> None:
    before = await it.way.ledger.catch_ups.get(source)
    assert before is not None
    it.psa.company(250, "Violet Pump Works")
    it.psa.account(250, "Violet Pump Works")
    it.psa.fault = fault
    run = await waited(it, source)
    assert (run.point, run.since is None, source in run.fault) == (before.point, False, True)
    (told,) = await notices(it.way.ledger, "catch_up_failing")
    assert (told["source"], told["detail"]) == (source, run.fault)
    it.clock.forward(hours=30)
    it.psa.fault = None
    run = await it.run(source)
    assert (run.inactive, run.fault, run.since) == (1, "", None)


async def waited(it: Caught, source: str) -> CatchUp:
    """A run to its end, with its waits."""
    it.clock.forward(minutes=10)
    await it.way.ledger.catch_ups.begin(source, None, it.clock())
    for _ in range(10):
        run = await advance_catch_up(f"cup_{source}", it.way)
        if run is not None and run.finished_at is not None:
            return run
        it.clock.forward(minutes=5)
    raise AssertionError("it does not end")


async def test_a_list_that_changes_midway(it: Caught, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.connectwise.client._COMPANIES", 2)
    for number in range(1, 8):
        it.psa.company(number, f"Client {number}")

    def moves() -> None:
        # One that was read is gone, one is new, and one was saved again.
        del it.psa.companies["1"]
        it.psa.company(5, "Client 5", status=1)
        it.psa.company(9, "Client 9")

    reads = it.psa.reads
    it.psa.before[reads + 2] = moves
    run = await it.run()
    assert run.inactive == 6
    assert await it.register(5) is None
    run = await it.run()
    assert (run.inactive, run.active) == (1, 1)
    assert [await it.register(number) for number in (1, 2, 5, 9)] == [
        "inactive", "inactive", "active", "inactive",
    ]  # fmt: skip


async def test_it_breaks_off_and_goes_on(it: Caught, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.connectwise.client._COMPANIES", 2)
    for number in range(1, 8):
        it.psa.company(number, f"Client {number}")
    before = await it.way.ledger.catch_ups.get("cw")

    def breaks() -> None:
        it.psa.raw = b"<html>"

    it.psa.before[it.psa.reads + 2] = breaks
    run = await waited(it, "cw")
    assert before is not None
    assert (run.point, run.inactive) == (before.point, 4)
    it.psa.raw = None
    run = await it.run()
    assert (run.inactive, run.fault) == (3, "")
    assert run.point > before.point


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"id": 250, "name": "", "status": {"id": 2}}, "company 250 cannot be read (name_missing)"),
        ({"id": 250, "name": "A", "status": {"id": 77}}, "(status_unknown)"),
        ({"id": 250, "name": "A", "status": {"id": 2}, "_info": {}}, "when it was changed"),
    ],
)
async def test_an_unreadable_one_is_alone(it: Caught, record: dict[str, Any], words: str) -> None:
    before = await it.way.ledger.catch_ups.get("cw")
    it.psa.company(251, "Amber Mills")
    it.psa.companies["250"] = {"_info": {"lastUpdated": written(it.clock())}, **record}
    if record.get("_info") == {}:
        it.psa.companies["250"]["_info"] = {"lastUpdated": "9999"}
    run = await it.run()
    assert before is not None
    assert (run.inactive, run.point) == (1, before.point)
    assert words in run.fault


async def test_what_was_not_asked_for_is_no_answer(it: Caught) -> None:
    saved = {"lastUpdated": "2020-01-01T00:00:00Z"}
    old = {"id": 7, "name": "Old", "status": {"id": 7}, "inactiveFlag": True, "_info": saved}
    for more, words in (
        ({}, "lists company 7, which has not changed since"),
        ({"_info": {"lastUpdated": written(it.clock())}}, "lists company 7 after 7"),
        ({"id": 0}, "answers no"),
    ):
        it.psa.raw = json.dumps([{**old, **more}]).encode()
        assert words in (await waited(it, "cw")).fault
    assert len(await it.deletions()) <= 1


async def test_only_what_an_event_would_ask_for(it: Caught) -> None:
    # An inactive status that this source does not take for one, and a change of one's own.
    it.psa.company(250, "Violet Pump Works", status=12)
    it.psa.company(251, "Amber Mills", more={"_info": {
        "lastUpdated": written(it.clock()), "updatedBy": "Robot"}})  # fmt: skip
    config = it.way.settings.sources["cw"].model_copy(update={"own_member_ids": ("robot",)})
    sources = {**it.way.settings.sources, "cw": config}
    it.way.intake.sources = sources
    assert (await it.run()).inactive == 0
    assert await it.deletions() == []


async def test_autotask_in_its_form_and_with_its_own_reason(it: Caught) -> None:
    it.psa.account(174, "Zinc & Sons")
    it.psa.errors = [
        {"id": 1, "createDateTime": f"{it.clock().isoformat()}", "errorMessage": "503"}
    ]
    run = await it.run("at")
    assert run.inactive == 1
    (deletion,) = await it.deletions()
    assert deletion.request.psa is not None
    assert deletion.request.psa.integration_type == "autotask"
    (told,) = await notices(it.way.ledger, "events_missed")
    assert told["cause"] == "Autotask gave up at least 1 callout, the last one: 503"


async def test_an_event_that_comes_after_all_joins(it: Caught) -> None:
    it.psa.account(174, "Zinc & Sons")
    at = it.clock()
    await it.run("at")
    (deletion,) = await it.deletions()
    # Its callout waited in a spool, and its webhook does not show the name.
    callout = {
        "Action": "Update", "Guid": GUID, "EntityType": "Account", "Id": 174,
        "Fields": {"isActive": "False"}, "EventTime": written(at), "SequenceNumber": 1,
    }  # fmt: skip
    body = json.dumps(callout).encode()
    config, adapter = it.way.intake.source("at")
    signed = adapter.sign(config, body, None, "", it.clock())
    taken = await it.way.intake.accept("at", Headers.of(list(signed.items())), body)
    assert (taken.strongest.reason, taken.strongest.deletion_id) == ("joined", deletion.id)
    assert len(await it.deletions()) == 1


async def test_what_was_caught_up_with_can_be_replayed(it: Caught) -> None:
    it.psa.company(250, "Violet Pump Works")
    await it.run()
    (deletion,) = await it.deletions()
    assert deletion.delivery_id is not None
    await it.redis.hset(
        f"unglue:delivery:{deletion.delivery_id}",
        "events", json.dumps([{"verdict": "ignored", "reason": "x"}]),
    )  # fmt: skip
    again = await it.way.intake.replay(deletion.delivery_id, Replay("alice", "t1"))
    assert again.strongest.verdict in {"accepted", "duplicate"}


async def test_a_time_is_run_once_and_a_missed_one_at_once(it: Caught) -> None:
    ledger, now = it.way.ledger, it.clock()
    tick = now - timedelta(days=3)
    assert await ledger.catch_ups.begin("other", tick, now)
    assert not await ledger.catch_ups.begin("other", tick, now)
    assert await ledger.catch_ups.begin("other", now, now)
    assert ("cup_other", 1) in [(name, bool(number)) for name, number in
                                await ledger.catch_ups.take_due(now)]  # fmt: skip


def test_hourly_unless_a_schedule_says_else() -> None:
    def times(**schedules: Any) -> dict[str, tuple[str, str]]:
        given = tables("http://127.0.0.1:1")
        given["at"]["catch_up"] = False
        given["cw2"] = {**given["cw"], "company": "Nickel", "itglue_integration": "two"}
        given["cw"]["itglue_integration"] = "one"
        settings = Settings(itglue={"api_key": "ITG.x"}, sources=given, schedules=schedules)
        assert settings.sweeps == {}
        return catch_ups(settings.schedules, settings.sources)

    hourly = times()
    assert set(hourly) == {"cw", "cw2"}
    assert all(cron.endswith(" * * * *") for cron, _ in hourly.values())
    night = {"kind": "catch_up", "cron": "0 3 * * *"}
    assert times(a=night) == {"cw": ("0 3 * * *", "UTC"), "cw2": ("0 3 * * *", "UTC")}
    own = {**night, "cron": "5 * * * *", "sources": ["cw"]}
    assert times(a=night, b=own)["cw"] == ("5 * * * *", "UTC")
    for wrong, words in (
        ({**night, "sources": ["at"]}, "no credentials"),
        ({**night, "limit": 5}, "a catch-up has no limit"),
        ({"cron": "5 * * * *", "sources": ["cw"], "idle_days": 9}, "belongs to kind"),
    ):
        with pytest.raises(ValueError, match=words):
            times(a=wrong)


async def test_the_point_is_never_ahead_of_what_was_read(it: Caught) -> None:
    run = await it.run()
    assert run.confirmed_at is not None
    it.psa.company(250, "Violet Pump Works")
    # A clock of the PSA that is an hour ahead: it is read until it has happened.
    ahead = it.clock() + timedelta(hours=1)
    it.psa.companies["250"]["_info"]["lastUpdated"] = written(ahead)
    run = await it.run()
    assert run.point <= it.clock()
    assert run.inactive == 0
    it.clock.forward(hours=2)
    run = await it.run()
    assert run.inactive == 1
    assert rfc3339(run.point) == written(ahead)
    assert OVERLAP > SETTLED
