"""`GET /v1/deletions` and `/v1/deliveries`, page by page, and the commands that show them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from tests.support.command import Command
from tests.support.deletions import requested
from tests.support.service import Service, only_error
from workers.ledger.ledger import Ledger
from workers.ledger.listing import Listing, Page

START = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)


async def asked(ledger: Ledger, *moments: int) -> list[str]:
    """Deletions asked for so many milliseconds after the start; their ids, newest first."""
    names = []
    for number, moment in enumerate(moments):
        names.append(f"del_{number:03}")
        await requested(
            ledger,
            names[-1],
            START + timedelta(milliseconds=moment),
            operator="alice" if number % 2 else "bob",
        )
    return names[::-1]


def pages(service: Service, query: str) -> list[list[str]]:
    """The ids on each page, as somebody follows `next_until`."""
    found, until = [], ""
    while True:
        listed = service.call("GET", f"/v1/deletions?{query}{until}").json()
        found.append([each["id"] for each in listed["deletions"]])
        if listed["next_until"] is None:
            return found
        until = f"&until={listed['next_until']}"


@pytest.mark.parametrize(
    ("moments", "sizes"),
    [
        ((), [0]),
        ((0, 1, 2), [2, 1]),
        ((0, 1, 2, 3), [2, 2]),
        ((0, 0, 0, 1), [4]),
        ((0, 1, 1, 1, 2), [4, 1]),
        ((0, 0, 1, 1, 1), [3, 2]),
    ],
)
@pytest.mark.usefixtures("redis")
async def test_every_one_is_on_one_page(
    service: Service, ledger: Ledger, moments: tuple[int, ...], sizes: list[int]
) -> None:
    names = await asked(ledger, *moments)
    found = pages(service, "limit=2")
    assert [name for page in found for name in page] == names
    assert [len(page) for page in found] == sizes
    assert pages(service, "limit=2&state=queued") == found
    assert pages(service, "limit=2&state=failed") == [[]]


async def test_what_a_filter_seldom_fits_is_found(ledger: Ledger) -> None:
    """A page looks at a few only, and says where to go on."""
    names = await asked(ledger, 0, 1, 2, 3, 3, 4, 5)
    listing = Listing(ledger.store, ledger.deletions, ledger.deliveries, most=3)
    sizes, until = [], None
    for _ in range(3):
        listed = await listing.deletions(Page(limit=9, source="nobody", until=until))
        sizes.append(len(listed.records))
        until = listed.next_until
    assert (sizes, until) == ([0, 0, 0], START + timedelta(milliseconds=1))
    assert [each.id for each in await listing.open()] == names


async def test_what_just_left_is_not_lost(service: Service, ledger: Ledger, redis: Redis) -> None:
    names = await asked(ledger, 0, 1, 2)
    await redis.delete(f"unglue:deletion:{names[1]}")  # as retention may, after the index was read
    assert pages(service, "limit=9") == [[names[0], names[2]]]


# -- unglue deliveries -----------------------------------------------------------------------------


@pytest.mark.usefixtures("redis")
async def test_what_sources_sent_shows(service: Service, ledger: Ledger, unglue: Command) -> None:
    assert unglue("deliveries").out == "No deliveries.\n"
    for number, (verdict, reason) in enumerate([("ignored", "not_a_company"), ("rejected", "[x]")]):
        await ledger.deliveries.receive(
            delivery={
                "id": f"dlv_{number}",
                "source": "cw",
                "vendor": "connectwise",
                "headers": "[]",
            },
            body=b"{}",
            events=[{"kind": verdict, "event_id": f"e{number}", "reason": reason}],
            now=START + timedelta(seconds=number),
        )
    shown = unglue("deliveries")
    newest, older = [line for line in shown.out.splitlines() if "dlv_" in line]
    assert newest.split()[0] == "dlv_1"
    assert newest.split()[1:] == ["rejected", "[x]", "cw", "2026-11-23T12:00:01Z"]
    assert "not_a_company" in older
    assert (shown.status, shown.err) == (0, "")

    shown = unglue("deliveries", "--limit", 1)
    assert "dlv_0" not in shown.out
    assert shown.err == "more: --until 2026-11-23T12:00:01.123Z\n"
    shown = unglue("deliveries", "--until", "2026-11-23T12:00:01.123Z", "--json")
    listed = json.loads(shown.out)
    assert [(each["id"], each["verdict"]) for each in listed["deliveries"]] == [
        ("dlv_0", "ignored")
    ]
    assert "dlv_0" not in unglue("deliveries", "--verdict", "rejected").out
    only_error(service.call("GET", "/v1/deliveries?verdict=gone"), 422, "InvalidRequest")
