"""What is only said again is counted, not stored: whoever holds a signed event can repeat it."""

import hashlib
from datetime import timedelta
from typing import cast

import pytest
from redis.asyncio import Redis

from tests.integration.test_replay_deliveries import Installation, event
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.command import Command
from tests.support.service import service_with_keys, token
from workers.intake.intake import Acknowledged
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.events.deliveries import Replay
from workers.ledger.ledger import Ledger
from workers.upkeep.retention import Retention


@pytest.fixture
def it(ledger: Ledger, clock: TestClock) -> Installation:
    installation = Installation(ledger, clock)
    installation.configure()
    return installation


async def kept(redis: Redis) -> list[str]:
    names = cast("list[bytes]", await redis.zrange("unglue:deliveries", 0, -1))
    return [name.decode() for name in names]


def said(acknowledged: Acknowledged) -> tuple[str, str, str | None]:
    strongest = acknowledged.strongest
    return acknowledged.delivery_id, strongest.verdict, strongest.deletion_id


async def test_a_repeat_is_counted(it: Installation, ledger: Ledger, redis: Redis) -> None:
    first = await it.send(event())
    before = await redis.info("memory")
    for _ in range(100):
        it.clock.forward(seconds=1)
        again = await it.send(event())
        assert said(again) == (first.delivery_id, "duplicate", first.strongest.deletion_id)
    assert await kept(redis) == [first.delivery_id]
    delivery = await ledger.deliveries.get(first.delivery_id)
    assert (delivery.verdict, delivery.repeats, delivery.last_seen) == (
        "accepted", 100, it.clock(),
    )  # fmt: skip
    activity = await ledger.sources.activity("halo")
    assert activity.verdicts == {"accepted": 1, "duplicate": 100}
    assert activity.last_delivery == it.clock()
    after = await redis.info("memory")
    assert after["used_memory"] - before["used_memory"] < 100_000
    # Of a hundred the 1st, 2nd, 4th … 64th is in the audit log.
    repeats = [line["repeats"] for line in await audited(redis, "event") if "repeats" in line]
    assert repeats == [1, 2, 4, 8, 16, 32, 64]


async def test_the_same_call_again_is_counted_once(ledger: Ledger, clock: TestClock) -> None:
    asked = {
        "event_id": "e1", "kind": "request", "client": "1", "request": '{"org_name":"A"}',
        "actor": "", "deletion_id": "del_1", "callback_url": "",
    }  # fmt: skip
    for name in ("dlv_1", "dlv_2", "dlv_2"):
        delivery = {"id": name, "source": "halo", "vendor": "halopsa", "headers": "[]"}
        await ledger.deliveries.receive(delivery=delivery, body=b"{}", events=[asked], now=clock())
    assert (await ledger.deliveries.get("dlv_1")).repeats == 1


async def receive(ledger: Ledger, number: int, **event: object) -> None:
    """A delivery with one event, which is all that came."""
    content = hashlib.sha256(b"{}").hexdigest()
    delivery = {"id": f"dlv_{number}", "source": "halo", "vendor": "halopsa", "headers": "[]"}
    said_of_it = {"event_id": "e1", "content": content, "client": "1", "request": "{}", **event}
    await ledger.deliveries.receive(
        delivery=delivery, body=b"{}", events=[said_of_it], now=TestClock()()
    )


async def test_who_brought_it_is_kept_once(ledger: Ledger, redis: Redis) -> None:
    """Where the event is all that came; records that say it twice are read as they are."""
    await receive(ledger, 0, kind="request", deletion_id="del_1")
    name = "unglue:event:halo:e1"
    kept_of_it = cast("dict[bytes, bytes]", await redis.hgetall(name))
    assert kept_of_it.keys() == {b"delivery_id", b"content", b"deletion_id"}
    await receive(ledger, 1, kind="request", deletion_id="del_2")
    # As before: the field decides, for the newest to be handled need not be the one that is stored.
    await redis.hset(name, "body:" + kept_of_it[b"content"].decode()[:32], "dlv_0")
    await redis.hset(name, mapping={"delivery_id": "dlv_not_stored", "idle": "0"})
    await receive(ledger, 2, kind="request", deletion_id="del_3")
    assert await kept(redis) == ["dlv_0"]
    assert (await ledger.deliveries.get("dlv_0")).repeats == 2


async def test_what_is_no_longer_understood_is_counted(ledger: Ledger, redis: Redis) -> None:
    """It is handled anew each time, and is not stored: the first one is."""
    for number, kind in enumerate(("ignored", "rejected", "rejected", "rejected")):
        await receive(ledger, number, kind=kind, reason="r", holds=False)
    assert await kept(redis) == ["dlv_0"]
    assert (await ledger.deliveries.get("dlv_0")).repeats == 3


async def test_active_still_counts(it: Installation, ledger: Ledger, redis: Redis) -> None:
    """Without an id of the vendor's it is news each time, and no reason to keep it each time."""
    first = await it.send(event(inactive=False))
    before = await redis.dbsize()
    for _ in range(20):
        it.clock.forward(seconds=1)
        again = await it.send(event(inactive=False))
        assert said(again) == (first.delivery_id, "ignored", None)
    assert await kept(redis) == [first.delivery_id]
    assert (await ledger.deliveries.get(first.delivery_id)).repeats == 20
    assert (await ledger.sources.activity("halo")).verdicts == {"ignored": 21}
    repeats = [line["repeats"] for line in await audited(redis, "event") if "repeats" in line]
    assert repeats == [1, 2, 4, 8, 16]
    # What tells a repeated call from a repeated event is not kept for long.
    names = [name async for name in redis.scan_iter("unglue:event:halo:sha256:*")]
    ends = sorted([await redis.pttl(name) for name in names])
    assert (await redis.dbsize() - before, len(names)) == (20, 21)
    assert ends[-2] <= 300_000 < ends[-1]

    asked = await it.send(event())
    it.clock.forward(seconds=1)
    back = await it.send(event(inactive=False))
    assert said(back)[1:] == ("cancelled", asked.strongest.deletion_id)
    assert back.delivery_id != first.delivery_id
    # From now on it is repeated; and another client is not the same.
    it.clock.forward(seconds=1)
    assert (await it.send(event(inactive=False))).delivery_id == back.delivery_id
    it.clock.forward(seconds=1)
    it.configure(client_name="/client_id", client_id="/client_name")
    assert (await it.send(event(inactive=False))).delivery_id != back.delivery_id


async def test_one_event_is_stored_once(it: Installation, ledger: Ledger, redis: Redis) -> None:
    """What came may be evidence; but whoever has it can send that again and again, too."""
    it.configure(event_id="/event_id")
    first = await it.send({**event(), "event_id": "e1"})
    batch = ({**event(), "event_id": "e1"}, {**event(8), "event_id": "e2"})
    second = await it.send(*batch)
    third = await it.send(*batch)
    assert third.delivery_id == second.delivery_id
    assert await kept(redis) == [first.delivery_id, second.delivery_id]
    assert (await ledger.deliveries.get(second.delivery_id)).repeats == 1
    assert (await ledger.deliveries.get(first.delivery_id)).repeats == 0


async def test_rejected_again_is_counted(ledger: Ledger, clock: TestClock, redis: Redis) -> None:
    it = Installation(ledger, clock)
    first = await it.send(event())
    for _ in range(5):
        clock.forward(seconds=1)
        again = await it.send(event())
        assert said(again) == (first.delivery_id, "rejected", None)
    assert await kept(redis) == [first.delivery_id]
    delivery = await ledger.deliveries.get(first.delivery_id)
    assert (delivery.verdict, delivery.repeats, delivery.last_seen) == ("rejected", 5, clock())
    assert (await ledger.sources.activity("halo")).verdicts == {"rejected": 6}
    # A person said what that one was, and did not know of this one.
    await ledger.deliveries.dismiss([first.delivery_id], operator="a", reason="r", now=clock())
    anew = await it.send(event())
    assert await held(redis) == {anew.delivery_id}
    assert (await it.send(event())).delivery_id == anew.delivery_id
    # It may be about another client by the configuration of now.
    it.configure(client_name="/client", client_id="/client_name")
    other = await it.send(event())
    assert await held(redis) == {anew.delivery_id, other.delivery_id}
    it.configure()
    assert (await it.replay(anew.delivery_id)).strongest.verdict == "accepted"
    assert said(await it.send(event()))[1] == "duplicate"


async def held(redis: Redis) -> set[str]:
    return {name.decode() for name in cast("list[bytes]", await redis.hkeys("unglue:holding:halo"))}


async def test_understood_later_counts(ledger: Ledger, clock: TestClock, redis: Redis) -> None:
    """The sender tries again after the pointer was corrected, and nobody replays."""
    it = Installation(ledger, clock)
    first = await it.send(event())
    assert await held(redis) == {first.delivery_id}
    it.configure()
    again = await it.send(event())
    assert again.strongest.verdict == "accepted"
    assert again.delivery_id != first.delivery_id
    assert await held(redis) == set()
    assert said(await it.send(event()))[:2] == (again.delivery_id, "duplicate")
    assert (await it.replay(first.delivery_id)).strongest.verdict == "duplicate"
    assert len(await it.deletions()) == 1


async def test_a_reactivation_is_as_new_as_last_said(ledger: Ledger, clock: TestClock) -> None:
    """Read again, it is not older than the deletion that was asked for in between."""
    it = Installation(ledger, clock)
    it.configure()
    active = {"client_id": 7, "client_name": "Client 7", "gone": "no"}
    first = await it.send(active)
    assert first.strongest.reason == "inactive_missing"
    clock.forward(seconds=5)
    asked = await it.send(event())
    clock.forward(seconds=5)
    assert (await it.send(active)).delivery_id == first.delivery_id
    clock.forward(seconds=5)
    it.configure(inactive="/gone")
    assert (await it.replay(first.delivery_id)).strongest.verdict == "cancelled"
    assert (await ledger.deletions.get(asked.strongest.deletion_id or "")).state == "cancelled"


async def test_a_repeat_leaves_who_came_back_alone(it: Installation, ledger: Ledger) -> None:
    first = await it.send(event(at=it.clock()))
    it.clock.forward(seconds=5)
    back = await it.send(event(inactive=False, at=it.clock()))
    assert back.strongest.verdict == "cancelled"
    it.clock.forward(seconds=5)
    assert said(await it.send(event(at=it.clock() - timedelta(seconds=10))))[:2] == (
        first.delivery_id, "duplicate",
    )  # fmt: skip
    (asked,) = await it.deletions()
    assert (await ledger.deletions.get(asked)).state == "cancelled"


async def test_a_repeat_cannot_be_replayed_instead_of_its_first(it: Installation) -> None:
    first = await it.send(event())
    await it.send(event())
    with pytest.raises(ReplayRefused) as refused:
        await it.replay(first.delivery_id)
    assert refused.value.why == "handled"


async def test_a_first_gone_is_replaced(it: Installation, ledger: Ledger, redis: Redis) -> None:
    first = await it.send({"ticket": 5})
    await redis.delete(f"unglue:delivery:{first.delivery_id}")
    second, third = await it.send({"ticket": 5}), await it.send({"ticket": 5})
    assert second.delivery_id != first.delivery_id
    assert third.delivery_id == second.delivery_id
    assert (await ledger.deliveries.get(second.delivery_id)).repeats == 1


async def test_ignored_bodies_last_a_week(it: Installation, ledger: Ledger, redis: Redis) -> None:
    it.configure(event_id="/event_id")
    ignored = await it.send({**event(inactive=False), "event_id": "e1"})
    asked = await it.send({**event(8), "event_id": "e2"})
    it.clock.forward(days=6, hours=23)
    await Retention(ledger).prune(it.clock())
    assert (await ledger.deliveries.get(ignored.delivery_id)).body != b""
    it.clock.forward(hours=2)
    await Retention(ledger).prune(it.clock())
    delivery = await ledger.deliveries.get(ignored.delivery_id)
    assert (delivery.body, delivery.verdict, delivery.reason) == (b"", "ignored", "client_active")
    assert delivery.dropped is not None
    assert delivery.dropped > 0
    assert (await ledger.deliveries.get(asked.delivery_id)).dropped is None
    assert await redis.zcard("unglue:deliveries:ignored") == 0
    # It is still known, and still counted.
    again = await it.send({**event(inactive=False), "event_id": "e1"})
    assert said(again)[:2] == (ignored.delivery_id, "duplicate")
    with pytest.raises(ReplayRefused) as refused:
        await it.intake.replay(ignored.delivery_id, Replay("alice", "t"))
    assert refused.value.why == "body_dropped"


async def test_with_effect_it_keeps_a_body(ledger: Ledger, clock: TestClock, redis: Redis) -> None:
    it = Installation(ledger, clock)
    it.configure()
    await it.send(event(inactive=False, at=clock.forward(days=1)))
    stale = await it.send(event(at=clock() - timedelta(hours=1)))
    assert stale.strongest.reason == "stale"
    await redis.hset(f"unglue:delivery:{stale.delivery_id}", "verdict", "accepted")
    clock.forward(days=8)
    await Retention(ledger).prune(clock())
    assert (await ledger.deliveries.get(stale.delivery_id)).body != b""
    assert await redis.zcard("unglue:deliveries:ignored") == 0


async def test_deletions_keep_a_body(it: Installation, ledger: Ledger, redis: Redis) -> None:
    """Two saves of one second: a person who decides may want to read both."""
    at = it.clock()
    await it.send({**event(at=at), "event_id": "e1"})
    active = await it.send({**event(inactive=False, at=at), "event_id": "e2"})
    assert active.strongest.reason == "order_unknown"
    it.clock.forward(days=8)
    await Retention(ledger).prune(it.clock())
    assert (await ledger.deliveries.get(active.delivery_id)).body != b""
    assert await redis.zcard("unglue:deliveries:ignored") == 1


async def test_an_operator_sees_that_it_was_repeated(
    redis: Redis,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del redis
    with service_with_keys(valkey_url) as service:
        body = service.callback(2)
        first = service.send(body).json()
        for _ in range(2):
            again = service.send(body)
            assert (again.status_code, again.json()) == (
                202, {**first, "verdict": "duplicate", "reason": "event_id"},
            )  # fmt: skip
        shown = service.call("GET", f"/v1/deliveries/{first['delivery_id']}").json()
        assert (shown["repeats"], shown["body_dropped"]) == (2, False)
        (listed,) = service.call("GET", "/v1/deliveries").json()["deliveries"]
        assert (listed["repeats"], listed["last_seen"]) == (2, shown["last_seen"])
        monkeypatch.setenv("UNGLUE_URL", service.url)
        monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
        unglue = Command(monkeypatch, capsys)
        said = f"repeated 2 times, last at {shown['last_seen']}"
        assert said in unglue("deliveries", first["delivery_id"]).out
        monkeypatch.setenv("COLUMNS", "120")
        assert unglue("deliveries").out.split()[-3:-1] == ["cw", "2"]
