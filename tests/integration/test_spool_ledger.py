"""Deletions that events lead to wait for every spool that may hold a reactivation."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.errors import NotFound
from adapters.models import DeletionRequest
from service.cli import main
from service.sandbox.settings import SandboxSettings
from tests.support.audit import audited
from tests.support.clock import TestClock
from tests.support.deletions import begun, requested
from tests.support.ledgers import notice_kinds
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from tests.support.service import Service, only_error, token
from workers.intake.spool.overdue import PATIENCE, tell_of_holding_spools
from workers.ledger.events.spools import FRESH
from workers.ledger.ledger import Ledger
from workers.times.durations import milliseconds


async def beat(ledger: Ledger, now: datetime, spool: str = "spl_1", **changes: Any) -> None:
    how: dict[str, Any] = {"where": "box:/spool", "waiting": 0, "oldest": None, **changes}
    await ledger.spools.beat(spool, now, **how)


@pytest.fixture
def rehearsal(ledger: Ledger, clock: TestClock) -> Rehearsal:
    return Rehearsal(ledger, clock, SandboxSettings(), {"approval": "never"})


async def asked(rehearsal: Rehearsal, deletion_id: str) -> str:
    """What became of a job: the state, or why the call was not begun."""
    deletion = await rehearsal.advance(deletion_id)
    journal = (await rehearsal.ledger.views.of(deletion_id)).journal
    refusals = [entry for entry in journal if entry["entry"] == "not_begun"]
    return refusals[-1]["why"] if refusals and not deletion.terminal else deletion.state


async def test_it_waits_for_spools(rehearsal: Rehearsal, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal:
        receipt = await rehearsal.event()
        assert receipt.deletion_id is not None
        await beat(ledger, clock(), waiting=1, oldest=clock())
        await beat(ledger, clock(), "spl_2")
        for _ in range(3):
            assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
            clock.forward(seconds=16)
        assert await rehearsal.deletes() == []

        # Drained; but the other service said nothing for too long.
        await beat(ledger, clock())
        assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
        clock.forward(seconds=16)
        await beat(ledger, clock())
        await beat(ledger, clock(), "spl_2")
        result = await rehearsal.run(receipt.deletion_id)
        assert result["deleted"] is True


async def test_of_two_with_one_copied_folder_neither_speaks_for_the_other(
    rehearsal: Rehearsal, ledger: Ledger, clock: TestClock
) -> None:
    """One is cut off and keeps that the client is back; the other goes on saying: empty."""
    async with rehearsal:
        receipt = await rehearsal.event()
        assert receipt.deletion_id is not None
        # A process after another one is no second one.
        for process in ("a", "b", "b", "c"):
            await beat(ledger, clock(), process=process)
        (spool,) = await ledger.spools.all()
        assert not spool.holds(clock())
        await beat(ledger, clock(), process="b")
        for _ in range(3):
            await beat(ledger, clock(), process="c")
            assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
            clock.forward(seconds=16)
        await ledger.spools.sign_off("spl_1", clock())
        assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
        await tell_of_holding_spools(ledger, clock() + PATIENCE)
        assert "spool_holds" in await notice_kinds(ledger)
        assert await rehearsal.deletes() == []

        # One of them is ended, and a person says so.
        await ledger.spools.forget("spl_1", clock(), operator="alice", reason="copied")
        clock.forward(seconds=16)
        await beat(ledger, clock(), process="c")
        assert (await rehearsal.run(receipt.deletion_id, most=timedelta(minutes=1)))["deleted"]


async def test_a_spooled_one_wins(rehearsal: Rehearsal, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal:
        receipt = await rehearsal.event()
        assert receipt.deletion_id is not None
        # The service reaches Redis after the worker did: its spool was last empty too long ago.
        await beat(ledger, clock())
        clock.forward(seconds=(FRESH + timedelta(milliseconds=1)).total_seconds())
        assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
        cancelled = await rehearsal.event(active=True)
        assert (cancelled.verdict, cancelled.deletion_id) == ("cancelled", receipt.deletion_id)
        await beat(ledger, clock())
        assert (await ledger.deletions.get(receipt.deletion_id)).state == "cancelled"
        assert await rehearsal.deletes() == []


@pytest.mark.parametrize("on_its_way", [True, False])
async def test_a_worker_that_is_held_up_believes_no_old_word(
    rehearsal: Rehearsal, ledger: Ledger, clock: TestClock, monkeypatch: pytest.MonkeyPatch,
    *, on_its_way: bool,
) -> None:  # fmt: skip
    """Its question is read later than it looked at the clock, or it was held up before that."""
    server_ms = ledger.store.server_ms

    async def held_up() -> int:
        if on_its_way:
            return await server_ms() - milliseconds(FRESH)
        clock.forward(seconds=FRESH.total_seconds() + 1)
        return await server_ms()

    async with rehearsal:
        receipt = await rehearsal.event()
        assert receipt.deletion_id is not None
        monkeypatch.setattr(ledger.store, "server_ms", held_up)
        await beat(ledger, clock())
        clock.forward(seconds=1)
        assert await asked(rehearsal, receipt.deletion_id) == "unspooled"
        monkeypatch.undo()
        clock.forward(seconds=16)
        await beat(ledger, clock())
        result = await rehearsal.run(receipt.deletion_id)
        assert result["deleted"] is True


async def test_statuses_go_on(rehearsal: Rehearsal, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal:
        rehearsal.set_settings(rehearsal.settings.model_copy(update={"sources": {}}))
        await beat(ledger, clock(), waiting=9, oldest=clock())
        result = await rehearsal.run(await rehearsal.ask(org_id=TEST_COMPANY))
        assert result["deleted"] is True


async def test_requests_wait_too(rehearsal: Rehearsal, ledger: Ledger, clock: TestClock) -> None:
    async with rehearsal:
        await beat(ledger, clock(), waiting=1, oldest=clock())
        deletion_id = await rehearsal.ask(org_id=TEST_COMPANY)
        assert await asked(rehearsal, deletion_id) == "unspooled"


@pytest.mark.parametrize(
    ("aside", "becomes"),
    [(["cw"], "unspooled"), (["*"], "unspooled"), (["halo"], "verifying"), ([], "verifying")],
)
async def test_what_is_set_aside_holds_its_own_source(
    rehearsal: Rehearsal, ledger: Ledger, clock: TestClock, aside: list[str], becomes: str
) -> None:
    async with rehearsal:
        receipt = await rehearsal.event()
        assert receipt.deletion_id is not None
        await beat(ledger, clock(), aside=aside)
        assert await asked(rehearsal, receipt.deletion_id) == becomes


async def test_sweeps_wait_as_well(ledger: Ledger, redis: Redis, clock: TestClock) -> None:
    """A sweep's deletion has no client, but watches those whose organization it would hit."""
    await requested(
        ledger, "del_s", clock(), DeletionRequest(org_id="5", confirm_delete=True), operator="sweep"
    )
    await redis.hset(
        "unglue:deletion:del_s",
        mapping={"watch": json.dumps([["cw", "2", "0", ""]]), "plan_digest": "d", "step": "delete"},
    )
    held = await ledger.deletions.lease("del_s", clock())
    assert held is not None

    async def decision() -> str:
        return (await begun(ledger, held, clock())).decision

    await beat(ledger, clock(), waiting=1, oldest=clock())
    assert await decision() == "unspooled"
    await beat(ledger, clock(), aside=["cw"])
    assert await decision() == "unspooled"
    await beat(ledger, clock())
    assert await decision() == "begun"


async def test_a_word_that_comes_late_does_not_count(ledger: Ledger, clock: TestClock) -> None:
    old = clock()
    await beat(ledger, clock.forward(seconds=60), waiting=1, oldest=old)
    await beat(ledger, old)
    (spool,) = await ledger.spools.all()
    assert spool.holds(clock())


async def test_signed_off_or_forgotten(ledger: Ledger, redis: Redis, clock: TestClock) -> None:
    await beat(ledger, clock(), "spl_1")
    await beat(ledger, clock(), "spl_2", waiting=3, oldest=clock())
    await ledger.spools.sign_off("spl_1", clock())
    assert [spool.id for spool in await ledger.spools.all()] == ["spl_2"]
    # The answer may be lost, and the call comes again.
    for _ in range(2):
        await ledger.spools.forget("spl_2", clock(), operator="alice", reason="its disk is lost")
    assert await ledger.spools.all() == []
    with pytest.raises(NotFound):
        await ledger.spools.forget("spl_3", clock(), operator="alice", reason="no")
    (entry,) = await audited(redis, "spool_forgotten")
    assert (entry["operator"], entry["spool"], entry["waiting"]) == ("alice", "spl_2", 3)


async def test_a_long_hold_is_told_once(ledger: Ledger, redis: Redis, clock: TestClock) -> None:
    await beat(ledger, clock())

    async def told() -> int:
        await tell_of_holding_spools(ledger, clock())
        return await redis.zcard("unglue:notices:due")

    clock.forward(seconds=PATIENCE.total_seconds())
    assert await told() == 0
    clock.forward(seconds=1)
    assert (await told(), await told()) == (1, 1)
    # It came back, and left again.
    await beat(ledger, clock())
    assert await told() == 1
    clock.forward(seconds=PATIENCE.total_seconds() + 1)
    assert await told() == 2
    notice_id, *_ = await ledger.notices.due(clock())
    notice = await ledger.notices.get(notice_id)
    assert (notice.kind, notice.detail["spool"]) == ("spool_holds", "spl_1")


async def test_admins_see_and_forget_spools(service: Service, redis: Redis, ledger: Ledger) -> None:
    del redis
    now = datetime.fromisoformat("2026-11-23T12:00:00Z")
    await beat(ledger, now, waiting=2, oldest=now)
    (shown,) = service.call("GET", "/v1/spools", operator="dave").json()["spools"]
    assert shown == {
        "id": "spl_1", "where": "box:/spool", "holds_deletions": True, "waiting": 2,
        "oldest": "2026-11-23T12:00:00Z", "set_aside": [], "seen_at": "2026-11-23T12:00:00Z",
        "empty_at": None,
    }  # fmt: skip
    body = {"reason": "its disk is lost"}
    refused = service.call("DELETE", "/v1/spools/spl_1", operator="carol", json=body)
    only_error(refused, 403, "RoleMissing")
    only_error(service.call("DELETE", "/v1/spools/spl_1", json={}), 422, "InvalidRequest")
    assert service.call("DELETE", "/v1/spools/spl_1", json=body).status_code == 200
    only_error(service.call("DELETE", "/v1/spools/spl_1", json=body), 404, "NotFound")
    assert service.call("GET", "/v1/spools").json() == {"spools": []}


async def test_the_command_line_does_the_same(
    service: Service,
    redis: Redis,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del redis
    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["unglue", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    assert run("spools") == (0, "No spool is known.\n")
    await beat(ledger, datetime.fromisoformat("2026-11-23T12:00:00Z"), aside=["cw"])
    status, out = run("spools")
    assert status == 0
    assert "spl_1" in out
    assert "yes" in out
    assert json.loads(run("spools", "--json")[1])[0]["set_aside"] == ["cw"]
    assert run("spools", "forget", "spl_1")[0] == 2
    status, out = run("spools", "forget", "spl_1", "--reason", "lost")
    assert (status, "spl_1 is forgotten" in out) == (0, True)
    assert run("spools", "forget", "spl_1", "--reason", "lost")[0] == 1


async def test_a_service_whose_clock_is_ahead(ledger: Ledger) -> None:
    """It would be believed to be empty for an hour, cut off and taking reactivations in."""
    ledger.store.own_clock = False
    now = datetime.now(UTC)
    await beat(ledger, now + timedelta(hours=1))
    (known,) = await ledger.spools.all()
    assert known.holds(now)
    await beat(ledger, now)
    (known,) = await ledger.spools.all()
    assert not known.holds(now)
