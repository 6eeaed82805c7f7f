"""`/v1/holds`, `/v1/deliveries/dismiss` and their commands: who may see it, who may end it."""

import json

import pytest
from redis.asyncio import Redis

from service.access.operators import token_hash
from service.doctor.examination import examine
from tests.support.command import Command
from tests.support.service import ROLES, Service, configured, only_error, token
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import rfc3339, system_clock

HEADERS = '[["content-type", "application/json"]]'
WHY = "a test of their [new] integration"


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Settings:
    # bob may ask, and neither approve nor administer.
    roles = {**ROLES, "bob": ("request",)}
    operators = {
        name: {"token_sha256": token_hash(token(name)), "roles": each}
        for name, each in roles.items()
    }
    return configured(valkey_url, operators=operators)


class Held:
    """Deliveries that hold: `unread` was not understood, `unproved` waits in the quarantine."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def unread(self, name: str, *clients: str, source: str = "cw") -> str:
        event = {
            "kind": "rejected", "event_id": name, "reason": "status_incomplete", "detail": "d",
            "clients": list(clients),
        }  # fmt: skip
        delivery = {"id": name, "source": source, "vendor": "connectwise", "headers": HEADERS}
        await self.ledger.deliveries.receive(
            delivery=delivery, body=b"{}", events=[event], now=system_clock()
        )
        return name

    async def unproved(self, name: str) -> str:
        delivery = {"id": name, "source": "cw", "vendor": "connectwise", "headers": HEADERS}
        now = system_clock()
        await self.ledger.quarantine.keep(delivery=delivery, body=name.encode(), due=now, now=now)
        return name


@pytest.fixture
def held(redis: Redis, ledger: Ledger) -> Held:
    del redis
    return Held(ledger)


def listed(service: Service) -> dict[str, list[str]]:
    found = service.call("GET", "/v1/holds", operator="dave").json()["holds"]
    return {source: [each["delivery_id"] for each in rows] for source, rows in found.items()}


async def test_anybody_sees_what_is_held_and_why(service: Service, held: Held) -> None:
    assert listed(service) == {}
    await held.unread("dlv_1", "2", "org:301")
    await held.unread("dlv_2", source="gone")
    await held.unproved("dlv_3")
    found = service.call("GET", "/v1/holds", operator="dave").json()["holds"]
    assert listed(service) == {"cw": ["dlv_1", "dlv_3"], "gone": ["dlv_2"]}
    first, second = found["cw"]
    assert first.pop("at")
    assert second.pop("at")
    assert first == {
        "delivery_id": "dlv_1", "source": "cw", "verdict": "rejected",
        "reason": "status_incomplete", "clients": ["2", "org:301"],
    }  # fmt: skip
    assert (second["verdict"], second["clients"]) == ("unverified", [])


@pytest.mark.parametrize("operator", ["carol", "alice"])
async def test_who_approves_or_administers(service: Service, held: Held, operator: str) -> None:
    names = [await held.unread("dlv_1"), await held.unproved("dlv_2")]
    body = {"ids": [*names, "dlv_none"], "reason": WHY}
    answer = service.call("POST", "/v1/deliveries/dismiss", operator=operator, json=body)
    assert answer.json() == {"dismissed": names, "refused": {"dlv_none": "unknown"}}
    assert listed(service) == {}
    for name, verdict in zip(names, ("rejected", "unverified"), strict=True):
        seen = service.call("GET", f"/v1/deliveries/{name}").json()
        assert (seen["verdict"], seen["dismissed"]["by"]) == (verdict, operator)
        assert seen["dismissed"]["reason"] == WHY
    unproved = service.call("GET", "/v1/deliveries?verdict=unverified").json()["deliveries"]
    assert [(each["id"], each["reason"]) for each in unproved] == [("dlv_2", "dismissed")]


@pytest.mark.parametrize("operator", ["bob", "dave"])
async def test_nobody_else_does(service: Service, held: Held, operator: str) -> None:
    name = await held.unread("dlv_1")
    body = {"ids": [name], "reason": WHY}
    refused = service.call("POST", "/v1/deliveries/dismiss", operator=operator, json=body)
    assert "'approve' and 'admin'" in only_error(refused, 403, "RoleMissing")
    assert listed(service) == {"cw": ["dlv_1"]}


async def test_in_bulk_by_source_and_verdict(service: Service, held: Held) -> None:
    unread, _ = await held.unread("dlv_1"), await held.unproved("dlv_2")
    other = await held.unread("dlv_3", source="gone")
    body = {"source": "cw", "verdict": "rejected", "reason": WHY}
    early = service.call(
        "POST", "/v1/deliveries/dismiss", json={**body, "until": "2026-01-01T00:00:00Z"}
    )
    assert early.json() == {"dismissed": [], "refused": {}}
    looked = service.call("GET", "/v1/holds").json()["at"]
    newer = await held.unread("dlv_4")
    body["until"] = looked
    answer = service.call("POST", "/v1/deliveries/dismiss", json=body)
    assert answer.json() == {"dismissed": [unread], "refused": {}}
    assert listed(service) == {"cw": ["dlv_2", newer], "gone": [other]}


@pytest.mark.parametrize(
    "body",
    [
        {"ids": ["dlv_1"]},
        {"ids": ["dlv_1"], "reason": ""},
        {"ids": [], "reason": "r"},
        {"ids": ["DLV 1"], "reason": "r"},
        {"ids": ["dlv_1"], "source": "cw", "reason": "r"},
        {"ids": ["dlv_1"], "until": "2026-01-01T00:00:00Z", "reason": "r"},
        {"source": "cw", "reason": "r"},
        {"verdict": "rejected", "reason": "r"},
        {"source": "cw", "verdict": "rejected", "reason": "r"},
        {"source": "cw", "verdict": "accepted", "until": "2026-01-01T00:00:00Z", "reason": "r"},
        {"source": "cw", "verdict": "rejected", "until": "yesterday", "reason": "r"},
        {"source": "cw", "verdict": "rejected", "until": "2026-01-01T00:00:00", "reason": "r"},
        {"reason": "r"},
    ],
)
async def test_bad_requests_dismiss_nothing(service: Service, held: Held, body: object) -> None:
    await held.unread("dlv_1")
    refused = service.call("POST", "/v1/deliveries/dismiss", json=body)
    only_error(refused, 422, "InvalidRequest")
    assert listed(service) == {"cw": ["dlv_1"]}


async def test_doctor_says_what_is_held_and_why(settings: Settings, held: Held) -> None:
    async def found() -> list[tuple[str, str, str]]:
        return [
            (each.level, each.message, each.cure)
            async for each in examine(settings)
            if each.part == "source cw"
        ]

    assert await found() == []
    await held.unread("dlv_1", "2")
    await held.unproved("dlv_2")
    await held.unproved("dlv_3")
    unread, unproved = await found()
    assert (unread[0], unproved[0]) == ("warn", "warn")
    assert unread[1].startswith("1 delivery holds the deletions of 1 client of cw since ")
    assert "not understood (status_incomplete 1)" in unread[1]
    assert unproved[1].startswith("2 deliveries hold all deletions of cw since ")
    assert "not proved to be genuine" in unproved[1]
    assert "dismiss" in unread[2]
    assert "key server" in unproved[2]


async def test_the_commands(held: Held, unglue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNGLUE_TOKEN", token("carol"))
    assert "Nothing is held" in unglue("holds").out
    await held.unread("dlv_1", "2")
    await held.unread("dlv_2")
    await held.unproved("dlv_3")
    shown = unglue("holds").out
    assert "dlv_1" in shown
    assert "2 of cw" in shown
    assert "every client" in shown
    assert len(json.loads(unglue("holds", "--json").out)["cw"]) == 3
    assert "dlv_3" in unglue("deliveries", "--verdict", "unverified").out

    one = unglue("dismiss", "dlv_1", "dlv_none", "--reason", WHY)
    assert (one.status, "dlv_1 holds nothing any more" in one.out) == (1, True)
    assert "dlv_none: there is no such delivery" in one.err
    assert (
        f"dismissed by carol at {rfc3339(system_clock())[:10]}" in unglue("deliveries", "dlv_1").out
    )
    assert "new] integration" in unglue("deliveries", "dlv_1").out
    assert unglue("dismiss", "dlv_2").status == 2  # no reason

    bulk = ("dismiss", "--source", "cw", "--verdict", "rejected", "--reason", WHY)
    assert unglue(*bulk).status == 2  # nobody looked
    dated = (*bulk, "--until", unglue("holds").err.split("--until ")[1].split()[0])
    assert unglue(*dated).out == "dlv_2 holds nothing any more\n"
    again = unglue(*dated)
    assert (again.status, again.out) == (0, "Nothing of that is held.\n")
    assert list(json.loads(unglue("holds", "--json").out)) == ["cw"]
    assert unglue("dismiss", "dlv_3", "--reason", WHY).status == 0
    assert "Nothing is held" in unglue("holds").out
