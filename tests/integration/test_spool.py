"""What waited in a spool is judged as of its receipt, in order and once."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Unreachable
from structlog.testing import capture_logs

from adapters.errors import SignatureInvalid, StorageUnavailable
from adapters.headers import Headers
from adapters.registry import VENDORS
from tests.integration.test_quarantine import CONFIG
from tests.support.clock import TestClock
from tests.support.service import KEY, configured, running_service
from workers.intake.intake import Acknowledged, Intake
from workers.intake.signing_keys import SigningKeys
from workers.intake.spool.keeper import SpoolKeeper
from workers.intake.spool.spool import Spool
from workers.ledger.installation.condition import NotDurable
from workers.ledger.ledger import Ledger
from workers.processes.runtime import new_id
from workers.times.clock import rfc3339


class Keys(SigningKeys):
    async def get(self, url: str, *, refresh: bool = False) -> str:
        del url, refresh
        return KEY


class Box:
    """One service process, whose way to Redis may be cut."""

    def __init__(self, ledger: Ledger, clock: TestClock, folder: Path) -> None:
        self.ledger = ledger
        self.clock = clock
        self.cut = False
        self.sources: dict[str, Any] = {"cw": CONFIG}
        self.intake = Intake(
            sources=self.sources,
            deliveries=ledger.deliveries,
            quarantine=ledger.quarantine,
            keys=Keys(),
            callback_url=None,
            max_event_age=timedelta(days=7),
            clock=clock,
            new_id=new_id,
        )
        self.spool = self.intake.spool = Spool(folder, 1_000_000, new_id)
        self.done: list[Acknowledged] = []
        self.keeper = SpoolKeeper(self.spool, ledger, self.intake, clock, self._recorded)
        receive = ledger.deliveries.receive

        async def through(**arguments: Any) -> Any:
            if self.cut:
                raise Unreachable("cut off")
            return await receive(**arguments)

        self.intake.deliveries.receive = through  # type: ignore[method-assign]

    def _recorded(self, source: str, acknowledged: Acknowledged) -> None:
        assert source == "cw"
        self.done.append(acknowledged)

    async def start(self) -> None:
        await self.spool.look_around()
        await self.keeper.once()

    async def send(
        self, *, active: bool = False, at: datetime | None = None, odd: bool = False
    ) -> Acknowledged:
        """A callback about client 2: signed times are ConnectWise's, unsigned ones ours."""
        status = {"id": 1, "name": "Active"} if active else {"id": 2, "name": "Inactive"}
        if odd:
            del status["name"]
        entity: dict[str, Any] = {"id": 2, "name": "TestCompany", "status": status}
        if at is not None:
            entity["_info"] = {"lastUpdated": rfc3339(at)}
        key_url = f"{CONFIG.key_origin}/system/callbackkey/index.rails?companyName=Cobalt&id=1"
        body = json.dumps(
            {
                "Action": "updated",
                "Type": "company",
                "ID": 2,
                "CompanyId": "Cobalt",
                "MessageId": new_id("msg"),
                "Entity": json.dumps(entity),
                "Metadata": {"key_url": key_url},
            }
        ).encode()
        signed = VENDORS["connectwise"].sign(CONFIG, body, KEY, "", self.clock())
        headers = [*dict(signed).items(), ("authorization", "Bearer not to be stored")]
        return await self.intake.accept("cw", Headers.of(headers), body)


@pytest.fixture
async def box(ledger: Ledger, clock: TestClock, tmp_path: Path) -> Box:
    box = Box(ledger, clock, tmp_path)
    await box.start()
    return box


def other(box: Box) -> Ledger:
    """The ledger as another service reaches it."""
    return Ledger(box.ledger.store)


async def elsewhere(box: Box, tmp_path: Path, *, active: bool) -> Acknowledged:
    """The same client's event by way of another service, which reaches Redis."""
    there = Box(other(box), box.clock, tmp_path / "elsewhere")
    return await there.send(active=active)


def spool_of(folder: Path) -> Path:
    (path,) = folder.glob("*.spool")
    return path


def no_files(folder: Path) -> bool:
    return not list(folder.iterdir())


async def verdicts(box: Box) -> list[tuple[str, str]]:
    return [(each.strongest.verdict, each.strongest.reason) for each in box.done]


async def test_an_old_request_stays_old(box: Box, clock: TestClock, tmp_path: Path) -> None:
    box.cut = True
    spooled = await box.send()
    assert (spooled.strongest.verdict, spooled.strongest.reason) == ("accepted", "spooled")
    assert spooled.strongest.deletion_id is None
    clock.forward(minutes=5)
    await elsewhere(box, tmp_path, active=True)
    clock.forward(minutes=5)
    box.cut = False
    await box.keeper.once()
    assert await verdicts(box) == [("ignored", "stale")]
    assert await box.ledger.store.redis.exists("unglue:deletions") == 0


@pytest.mark.parametrize("what", ["active", "odd", "inactive"])
async def test_an_unknown_spool_takes_no_doubt(
    ledger: Ledger, clock: TestClock, tmp_path: Path, what: str
) -> None:
    """What is not understood may say that a client is active, and nothing would wait for it."""
    box = Box(ledger, clock, tmp_path)
    await box.spool.look_around()
    box.cut = True
    if what != "inactive":
        with pytest.raises(StorageUnavailable, match="never knew"):
            await box.send(active=what == "active", odd=what == "odd")
        assert box.spool.waiting == 0
    else:
        assert (await box.send()).strongest.reason == "spooled"


async def test_a_request_behind_its_own_reactivation_counts(box: Box, clock: TestClock) -> None:
    box.cut = True
    await box.send(active=True)
    clock.forward(minutes=5)
    await box.send()
    clock.forward(hours=5)
    box.cut = False
    await box.keeper.once()
    assert await verdicts(box) == [("ignored", "client_active"), ("accepted", "created")]


async def test_a_reactivation_from_the_spool_cancels(box: Box, clock: TestClock) -> None:
    first = await box.send()
    clock.forward(minutes=1)
    box.cut = True
    await box.send(active=True)
    box.cut = False
    await box.keeper.once()
    assert await verdicts(box) == [("cancelled", "reactivated")]
    assert first.strongest.deletion_id is not None
    deletion = await box.ledger.deletions.get(first.strongest.deletion_id)
    assert deletion.state == "cancelled"


async def test_its_age_is_that_of_its_receipt(box: Box, clock: TestClock) -> None:
    box.cut = True
    saved = clock() - timedelta(days=6, hours=23)
    spooled = await box.send(at=saved)
    received = clock()
    clock.forward(days=2)
    box.cut = False
    await box.keeper.once()
    assert await verdicts(box) == [("accepted", "created")]
    delivery = await box.ledger.deliveries.get(spooled.delivery_id)
    assert delivery.received_at == received


async def test_a_sender_with_a_clock_ahead(box: Box, clock: TestClock, tmp_path: Path) -> None:
    box.cut = True
    await box.send(at=clock() + timedelta(hours=1))
    clock.forward(minutes=5)
    await elsewhere(box, tmp_path, active=True)
    clock.forward(hours=2)
    box.cut = False
    await box.keeper.once()
    assert await verdicts(box) == [("ignored", "stale")]


async def test_while_a_backlog_waits_what_comes_queues_behind_it(box: Box) -> None:
    box.cut = True
    first = await box.send()
    box.cut = False
    # Redis is back; the first one is still to be drained.
    second = await box.send(active=True)
    assert second.strongest.reason == "spooled"
    await box.keeper.once()
    assert [each.delivery_id for each in box.done] == [first.delivery_id, second.delivery_id]
    assert await verdicts(box) == [("accepted", "created"), ("cancelled", "reactivated")]
    box.clock.forward(minutes=1)
    assert (await box.send()).strongest.reason == "created"


async def test_a_repeated_drain(box: Box, clock: TestClock, tmp_path: Path, redis: Redis) -> None:
    box.cut = True
    await box.send()
    box.cut = False
    path = spool_of(tmp_path)
    content = path.read_bytes()
    await box.keeper.once()
    # The process died before its file knew, and the next one finds it as it was.
    journal = await redis.keys("unglue:journal:*")
    lines = [await redis.llen(name) for name in journal]
    path.write_bytes(content)
    await box.keeper.stop()
    path.write_bytes(content)
    clock.forward(hours=1)
    again = Box(other(box), clock, tmp_path)
    await again.start()
    assert [each.delivery_id for each in again.done] == [box.done[0].delivery_id]
    assert again.done[0].receipts == box.done[0].receipts
    assert [await redis.llen(name) for name in journal] == lines


async def test_credentials_do_not_lie_on_the_disk(box: Box, tmp_path: Path) -> None:
    box.cut = True
    await box.send()
    path = spool_of(tmp_path)
    assert b"not to be stored" not in path.read_bytes()
    assert b"x-content-signature" in path.read_bytes()


async def test_what_is_not_genuine_is_not_stored(box: Box) -> None:
    box.cut = True
    with pytest.raises(SignatureInvalid):
        await box.intake.accept("cw", Headers.of([("x-content-signature", "no")]), b"{}")
    assert box.spool.waiting == 0


async def test_an_unknown_source_is_set_aside(box: Box, clock: TestClock, tmp_path: Path) -> None:
    box.cut = True
    spooled = await box.send()
    box.cut = False
    config = box.sources.pop("cw")
    await box.keeper.once()
    assert box.done == []
    assert (tmp_path / f"{spooled.delivery_id}.aside").exists()
    (notice_id,) = await box.ledger.notices.due(clock())
    notice = await box.ledger.notices.get(notice_id)
    assert (notice.kind, notice.detail["source"]) == ("spool_set_aside", "cw")
    (known,) = await box.ledger.spools.all()
    assert known.aside == ("cw",)
    assert known.holds(clock())

    # It is configured again, and a person renames the file.
    box.sources["cw"] = config
    (tmp_path / f"{spooled.delivery_id}.aside").rename(tmp_path / "again.spool")
    await box.spool.look_around()
    await box.keeper.once()
    assert await verdicts(box) == [("accepted", "created")]
    (known,) = await box.ledger.spools.all()
    assert not known.holds(clock())
    assert not (tmp_path / "again.spool").exists()


async def test_only_an_empty_spool_signs_off(box: Box, clock: TestClock, tmp_path: Path) -> None:
    assert [each.id for each in await box.ledger.spools.all()] == [box.spool.id]
    box.cut = True
    await box.send()
    await box.keeper.stop()
    assert len(await box.ledger.spools.all()) == 1
    again = Box(other(box), clock, tmp_path)
    again.cut = False
    await again.start()
    assert len(again.done) == 1
    await again.keeper.stop()
    assert await box.ledger.spools.all() == []
    assert no_files(tmp_path)


async def test_what_is_set_aside_still_holds(box: Box, clock: TestClock, tmp_path: Path) -> None:
    """It may be that a client came back; nobody has seen to it yet."""
    box.cut = True
    spooled = await box.send(active=True)
    box.cut = False
    del box.sources["cw"]
    await box.keeper.once()
    spool_id = box.spool.id
    await box.keeper.stop()
    (known,) = await box.ledger.spools.all()
    assert known.holds(clock())

    # The next service of this folder goes on with it, until a person has seen to it.
    again = Box(other(box), clock, tmp_path)
    await again.start()
    (known,) = await again.ledger.spools.all()
    assert (known.id, known.aside) == (spool_id, ("cw",))
    (tmp_path / f"{spooled.delivery_id}.aside").unlink()
    await again.spool.look_around()
    await again.keeper.once()
    (known,) = await again.ledger.spools.all()
    assert not known.holds(clock())
    await again.keeper.stop()
    assert await again.ledger.spools.all() == []


async def test_a_spool_of_which_the_ledger_may_forget_takes_in_no_reactivation(
    ledger: Ledger, clock: TestClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first word is confirmed on disk, or it is not known."""
    run, confirmed = ledger.store.run, False

    async def unconfirmed(name: str, *args: Any, durable: bool = False) -> Any:
        answer = await run(name, *args, durable=durable)
        if durable and not confirmed:
            raise NotDurable("not seen on disk", answer)
        return answer

    monkeypatch.setattr(ledger.store, "run", unconfirmed)
    box = Box(ledger, clock, tmp_path)
    await box.start()
    box.cut = True
    with pytest.raises(StorageUnavailable):
        await box.send(active=True)
    confirmed = True
    await box.keeper.once()
    assert (await box.send(active=True)).strongest.reason == "spooled"


async def test_one_that_cannot_sign_off_is_named(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unreachable("cut off")

    monkeypatch.setattr(box.ledger.spools, "sign_off", away)
    name = box.spool.id
    assert name is not None
    with capture_logs() as logs:
        await box.keeper.stop()
    (line,) = [each for each in logs if each["event"] == "spool_not_signed_off"]
    assert line["spool"] == name


async def test_a_word_covers_only_what_came_before_it(box: Box, clock: TestClock) -> None:
    """A delivery on its way to Redis may yet come to lie in the spool."""
    arrived = clock()
    on_its_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow(**_: Any) -> Any:
        on_its_way.set()
        await go_on.wait()
        raise Unreachable("cut off after all")

    box.intake.deliveries.receive = slow  # type: ignore[method-assign]
    sending = asyncio.create_task(box.send(active=True))
    await asyncio.wait_for(on_its_way.wait(), 20)
    clock.forward(seconds=30)
    await box.keeper.once()
    (known,) = await box.ledger.spools.all()
    assert known.empty_at == arrived
    go_on.set()
    assert (await sending).strongest.reason == "spooled"


async def test_no_spool_hides_one(ledger: Ledger, clock: TestClock, tmp_path: Path) -> None:
    box = Box(ledger, clock, tmp_path)
    await box.spool.look_around()
    box.cut = True
    with pytest.raises(StorageUnavailable, match="never knew"):
        await box.send(active=True)
    # A request that waits harms nobody.
    assert (await box.send()).strongest.reason == "spooled"


async def test_a_file_of_another_vendor_is_set_aside(box: Box, tmp_path: Path) -> None:
    box.cut = True
    await box.send()
    box.cut = False
    path = spool_of(tmp_path)
    first = await box.spool._do(box.spool._files()[0].first)
    assert not isinstance(first, bytes)
    assert first is not None
    changed: Callable[[], object] = lambda: replace(first, vendor="halopsa")  # noqa: E731
    box.spool._files()[0].first = changed  # type: ignore[method-assign,assignment]
    await box.keeper.once()
    assert box.spool.aside == ("cw",)
    assert path.exists()


def test_the_service_says_what_waits(tmp_path: Path) -> None:
    settings = configured("redis://127.0.0.1:1/0", spool_dir=str(tmp_path / "spool"))
    with running_service(settings) as service:
        parts = service.http.get("/readyz").json()["parts"]
    unknown = {"scheduler": "unknown", "worker": "unknown"}
    assert parts == {"redis": "unreachable", "spool": "ok", **unknown}
