"""Catching up with PSAs that do not say what changed: their whole list is compared."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from adapters.contract import SourceConfig
from adapters.headers import Headers
from adapters.ninjaone.config import NinjaOneConfig
from service.sandbox.psa.oauth import OAUTH_KEYS
from service.sandbox.psa.tenant import Tenant, written
from tests.integration.test_catch_up import Caught, waited, way_of
from tests.support.clock import TestClock
from tests.support.ledgers import notices
from workers.intake.intake import Acknowledged
from workers.ledger.ledger import Ledger
from workers.ledger.listing import Page
from workers.psa.companies import Asked
from workers.settings import Settings

BEARER = {"ninja": "Bearer what ninja knows", "halo": "Bearer what halo knows, and we"}
NINJA = {"vendor": "ninjaone", "secrets": [BEARER["ninja"]]}
HALO = {"vendor": "halopsa", "auth": "bearer", "secrets": ["what halo knows, and we"]}
BOTH = pytest.mark.parametrize("source", ["ninja", "halo"])


class Listed(Caught):
    """An installation with a NinjaOne and a HaloPSA of ten clients, read once."""

    def configure(self, source: str, **changes: Any) -> None:
        """The source as it would be after a restart."""
        sources = cast("dict[str, SourceConfig]", self.way.settings.sources)
        sources[source] = sources[source].model_copy(update=changes)

    def delete(self, number: int, *, activity: bool = True) -> dict[str, Any]:
        """Somebody deletes an organization of NinjaOne."""
        gone = self.psa.organizations.pop(str(number))
        return self.psa.activity("CLIENT_DELETED", number, gone["name"]) if activity else {}

    def leave(self, source: str, number: int) -> dict[str, Any]:
        """A client is offboarded; what would be posted."""
        if source == "ninja":
            return self.delete(number)
        self.psa.client(number, f"Client {number}", active=False)
        return self.halo(number, inactive=True)

    def come_back(self, source: str, number: int) -> tuple[int, dict[str, Any]]:
        """It is a client again, in NinjaOne under another number; what would be posted."""
        if source == "halo":
            self.psa.client(number, f"Client {number}", active=True)
            return number, self.halo(number, inactive=False)
        self.psa.organization(number + 1000, f"Client {number}")
        return number, self.psa.activity("CLIENT_CREATED", number + 1000, f"Client {number}")

    def halo(self, number: int, *, inactive: bool) -> dict[str, Any]:
        return {
            "client_id": str(number), "client_name": f"Client {number}", "inactive": inactive,
            "occurred_at": written(self.clock()),
        }  # fmt: skip

    async def sent(self, source: str, posted: dict[str, Any]) -> Acknowledged:
        headers = Headers.of(
            [("authorization", BEARER[source]), ("content-type", "application/json")]
        )
        return await self.way.intake.accept(source, headers, json.dumps(posted).encode())

    async def names(self) -> set[str | None]:
        return {each.request.org_name for each in await self.deletions()}


@pytest.fixture
async def it(
    ledger: Ledger, clock: TestClock, redis: Redis, served: tuple[Tenant, str]
) -> AsyncIterator[Listed]:
    psa, url = served
    psa.reset()
    psa.clock = clock
    for number in range(1, 11):
        psa.organization(number, f"Client {number}")
        psa.client(number, f"Client {number}", active=number != 10)
    psa.activity("CLIENT_DELETED", 99, "Client before anybody looked")
    api = {"api": {**OAUTH_KEYS, "base_url": url}}
    tables = {"ninja": {**NINJA, **api}, "halo": {**HALO, **api}}
    settings = Settings(itglue={"api_key": "ITG.x"}, sources=tables)
    async with Asked(settings.sources) as asked:
        caught = Listed(way_of(ledger, clock, settings, asked), psa, clock, redis, [])
        for source in tables:
            run = await caught.run(source)
            assert (run.fault, run.inactive, run.active) == ("", 0, 0)
        yield caught


@BOTH
async def test_what_no_event_said_is_found_once_in_both_directions(it: Listed, source: str) -> None:
    it.leave(source, 3)
    run = await it.run(source)
    assert (run.inactive, run.active, run.fault) == (1, 0, "")
    (deletion,) = await it.deletions()
    assert deletion.request.org_name == "Client 3"
    assert not deletion.request.confirm_delete
    assert (await it.way.ledger.deliveries.get(deletion.delivery_id or "")).caught_up
    assert (await it.run(source)).inactive == 0
    it.come_back(source, 3)
    assert (await it.run(source)).active == 1
    assert (await it.way.ledger.deletions.get(deletion.id)).state == "cancelled"
    assert (await it.run(source)).active == 0
    assert await it.way.ledger.catch_ups.found(source) == {"inactive": 1, "active": 1}


@BOTH
async def test_what_an_event_said_is_not_said_again(it: Listed, source: str) -> None:
    await it.sent(source, it.leave(source, 3))
    run = await it.run(source)
    assert (run.inactive, run.active) == (0, 0)
    it.clock.forward(seconds=5)
    await it.sent(source, it.come_back(source, 3)[1])
    run = await it.run(source)
    assert (run.inactive, run.active) == (0, 0)
    assert await it.deletions() == []
    # Between two readings it came back and left again, and the second news of that is lost.
    if source == "halo":
        await it.sent(source, it.leave(source, 3))
        it.clock.forward(seconds=5)
        await it.sent(source, it.come_back(source, 3)[1])
        it.clock.forward(minutes=5)
        it.leave(source, 3)
        assert (await it.run(source)).inactive == 1


@BOTH
async def test_a_reactivation_between_two_readings_that_got_lost(it: Listed, source: str) -> None:
    # Both times it reads the same; what an event said meanwhile is what it is compared with.
    taken = await it.sent(source, it.leave(source, 3))
    it.clock.forward(minutes=5)
    it.come_back(source, 3)
    assert (await it.run(source)).active == 1
    deletion = await it.way.ledger.deletions.get(taken.strongest.deletion_id or "")
    assert deletion.state == "cancelled"


@BOTH
async def test_an_event_that_comes_after_all_joins(it: Listed, source: str) -> None:
    posted = it.leave(source, 3)
    await it.run(source)
    (deletion,) = await it.deletions()
    taken = await it.sent(source, posted)
    assert taken.strongest.deletion_id == deletion.id
    assert len(await it.deletions()) == 1


@BOTH
@pytest.mark.parametrize("fault", [401, 403, 404, 429, 500, 302])
async def test_nothing_is_believed_without_the_psa(it: Listed, source: str, fault: int) -> None:
    before = await it.way.ledger.catch_ups.get(source)
    it.leave(source, 3)
    it.psa.fault = fault
    run = await waited(it, source)
    assert before is not None
    assert (run.point, run.since is None, source in run.fault) == (before.point, False, True)
    assert await it.deletions() == []
    it.psa.fault = None
    run = await it.run(source)
    assert (run.inactive, run.fault, run.since) == (1, "", None)


@BOTH
@pytest.mark.parametrize("left", [0, 1, 5])
async def test_a_short_list_means_nothing(it: Listed, source: str, left: int) -> None:
    organizations, clients = dict(it.psa.organizations), dict(it.psa.clients)
    for table in (it.psa.organizations, it.psa.clients):
        for number in list(table)[left:]:
            del table[number]
    for _ in range(2):
        run = await it.run(source)
        assert (run.inactive, run.active, run.fault) == (0, 0, "")
    assert await it.deletions() == []
    # It is told once, with the first of them.
    (told,) = await notices(it.way.ledger, "catch_up_failing")
    assert "listed no more" in told["detail"]
    it.psa.organizations, it.psa.clients = organizations, clients
    it.leave(source, 7)
    run = await it.run(source)
    assert (run.inactive, run.active, await it.names()) == (1, 0, {"Client 7"})


@BOTH
async def test_another_tenant_is_read_for_the_first_time(it: Listed, source: str) -> None:
    known = await it.way.ledger.catch_ups.known(source)
    assert known is not None
    assert len(known.clients) == 10
    config = it.way.settings.sources[source]
    api = config.api.model_copy(update={"client_id": "another", "tenant": "another"})  # type: ignore[attr-defined] # both have one
    it.configure(source, api=api)
    for number in range(1, 11):
        it.psa.client(number, f"Client {number}", active=False)
    it.delete(3)
    run = await it.run(source)
    assert (run.inactive, run.fault, await it.deletions()) == (0, "", [])


async def test_a_halo_list_changes_midway(it: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.halopsa.client._CLIENTS", 3)
    it.leave("halo", 3)
    for place in range(2, 20, 4):
        it.psa.before[it.psa.reads + place] = lambda: it.psa.client(
            100 + it.psa.reads, "New", active=True
        )
    run = await waited(it, "halo")
    assert "while it was read" in run.fault
    assert await it.deletions() == []
    it.psa.before.clear()
    assert (await it.run("halo")).inactive == 1


@pytest.mark.parametrize(
    "record", [{"inactive": "true"}, {"inactive": None}, {"name": ""}, {"id": "x"}]
)
async def test_an_unreadable_one_of_halo_hides_none(it: Listed, record: dict[str, Any]) -> None:
    before = await it.way.ledger.catch_ups.get("halo")
    it.leave("halo", 4)
    it.psa.clients["3"] |= {"inactive": True, **record}
    if record.get("id"):
        it.psa.clients["3"]["id"] = "0"
    run = await it.run("halo")
    assert before is not None
    assert (run.inactive, run.point, await it.names()) == (1, before.point, {"Client 4"})
    assert "cannot be read" in run.fault
    it.psa.client(3, "Client 3", active=False)
    assert (await it.run("halo")).inactive == 1


async def test_an_active_client_of_the_same_name_keeps_it(it: Listed) -> None:
    it.psa.client(50, "CLIENT  3", active=True)
    it.leave("halo", 3)
    assert (await it.run("halo")).inactive == 0
    it.psa.organization(50, "Client 3")
    it.delete(3)
    assert (await it.run("ninja")).inactive == 0
    assert await it.deletions() == []


async def test_ninja_deletes_only_what_its_log_and_its_list_say(it: Listed) -> None:
    # Gone from the list, and no activity says so.
    it.delete(3, activity=False)
    # An activity says so, and it is there all the same: the list may lag, and is asked again.
    it.psa.activity("CLIENT_DELETED", 4, "Client 4")
    run = await it.run("ninja")
    assert (run.inactive, run.active, run.fault) == (0, 0, "")
    assert (await it.run("ninja", after=timedelta(hours=1))).inactive == 0
    run = await it.run("ninja", after=timedelta(hours=1))
    assert (run.inactive, "and it is listed" in run.fault) == (0, True)
    del it.psa.organizations["4"]
    run = await it.run("ninja")
    assert (run.inactive, run.fault, await it.names()) == (1, "", {"Client 4"})


async def test_what_ninja_deleted_just_now_is_left_to_its_event(it: Listed) -> None:
    it.delete(3)
    assert (await it.run("ninja", after=timedelta(minutes=1))).inactive == 0
    assert await notices(it.way.ledger) == []
    assert (await it.run("ninja")).inactive == 1


async def test_every_page_of_what_ninja_logs(it: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.ninjaone.client._ACTIVITIES", 10)
    it.delete(3)
    for _ in range(25):
        it.psa.activity("CLIENT_UPDATED", 5, "Client 5")
    it.delete(4)

    def another() -> None:
        it.delete(5)

    it.psa.before[it.psa.reads + 4] = another
    run = await it.run("ninja")
    assert (run.inactive, run.fault) == (2, "")
    run = await it.run("ninja")
    assert (run.inactive, await it.names()) == (1, {"Client 3", "Client 4", "Client 5"})


async def test_where_ninja_logs_it_can_be_said(it: Listed) -> None:
    it.psa.log_class = "USER"
    it.delete(3)
    assert (await it.run("ninja")).inactive == 0
    # Told, for it is listed no more; and somebody sees which log it is in.
    assert [each["kind"] for each in await notices(it.way.ledger)] != []
    config = it.way.settings.sources["ninja"]
    assert isinstance(config, NinjaOneConfig)
    assert config.api is not None
    it.configure("ninja", api=config.api.model_copy(update={"activity_class": "ALL"}))
    it.way.companies._clients.clear()
    it.delete(4)
    run = await it.run("ninja")
    # And what was lost meanwhile, too.
    assert (run.inactive, run.fault, await it.names()) == (2, "", {"Client 3", "Client 4"})


async def test_an_activity_that_does_not_say_which(it: Listed) -> None:
    before = await it.way.ledger.catch_ups.get("ninja")
    activity = it.delete(3)
    del activity["organizationId"]
    activity["subject"] = "Organization 'Client 3' deleted"
    run = await it.run("ninja")
    assert before is not None
    assert (run.inactive, run.point) == (0, before.point)
    assert "client_missing" in run.fault
    assert "pointers" in run.fault
    # Told where it stands, what was passed over is found, under the id that was listed.
    it.configure("ninja", name_template="Organization '{name}' deleted")
    run = await it.run("ninja")
    assert (run.inactive, run.fault) == (1, "")
    (deletion,) = await it.deletions()
    assert (deletion.client, deletion.request.org_name) == ("id:3", "Client 3")


async def test_one_that_was_never_listed_is_shown_to_a_person(it: Listed) -> None:
    it.psa.activity("CLIENT_DELETED", 77, "")
    run = await it.run("ninja")
    assert (run.fault, await it.deletions()) == ("", [])
    (row,) = (await it.way.ledger.listing.deliveries(Page(10))).records
    assert (row.verdict, row.reason, row.caught_up) == ("rejected", "caught_up_malformed", True)
    assert await it.way.ledger.catch_ups.found("ninja") == {"inactive": 0, "active": 0}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"activities": []}, "no list of activities"),
        ({"lastActivityId": 1, "activities": []}, "as its newest activity"),
        ({"lastActivityId": 2**50, "activities": [{"id": 1}]}, "not asked for"),
        ({"lastActivityId": 2**50, "activities": ["x"]}, "no activities"),
    ],
)
async def test_what_is_no_log(
    it: Listed, raw: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.delete(3)
    client = await it.way.companies.client("ninja")
    real = client._tokens.get  # type: ignore[attr-defined] # it is NinjaOne's

    async def answered(url: str, query: Any = None) -> Any:
        reply = await real(url, query)
        return type(reply)(200, raw) if url.endswith("/activities") else reply

    monkeypatch.setattr(client._tokens, "get", answered)  # type: ignore[attr-defined]
    assert words in (await waited(it, "ninja")).fault
    assert await it.deletions() == []


@BOTH
async def test_lost_doubled_late_and_refused_changes(it: Listed, source: str) -> None:
    random = Random(7)  # noqa: S311 - a mix, no secret
    for number in range(200, 260):
        it.psa.organization(number, f"Client {number}")
        it.psa.client(number, f"Client {number}", active=True)
    await it.run(source)
    late: list[dict[str, Any]] = []
    back = set(random.sample(range(200, 260), 20))
    changes = [(number, False) for number in range(200, 260)] + [(each, True) for each in back]
    random.shuffle(changes)
    seen: set[int] = set()
    for number, _ in changes:
        it.clock.forward(seconds=30)
        # Of two of one client the first one is that it left.
        posted = it.come_back(source, number)[1] if number in seen else it.leave(source, number)
        seen.add(number)
        match random.randrange(10):
            case 0 | 1:
                continue
            case 2:
                late.append(posted)
                continue
            case 3:
                await it.sent(source, posted)
        await it.sent(source, posted)
        if random.randrange(20) == 0:
            await it.run(source)
    for posted in late:
        await it.sent(source, posted)
    run = await it.run(source, after=timedelta(minutes=10))
    assert run.fault == ""
    assert await it.names() == {f"Client {each}" for each in range(200, 260) if each not in back}
    assert len(await it.deletions()) == 40
    found = await it.way.ledger.catch_ups.found(source)
    assert found["inactive"] > 0
    assert found["active"] > 0
