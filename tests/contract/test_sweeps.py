"""Sweeps through the real client against the sandbox: what is found, requested, and left alone."""

import json
from datetime import timedelta
from typing import Any

import pytest

from service.sandbox.shapes import Psa, Seed, SeedOrganization
from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY
from tests.support.sweeps import SECRET, Sweeping, found, skipped
from workers.audit.keys import Keyring
from workers.audit.writer import AuditWriter
from workers.bulk.sweep import walk
from workers.ledger.bulk.sweeps import Progress, Sweep
from workers.ledger.deleting.deletions import Change, Fenced

CLIENTS = [str(number) for number in range(301, 313)]


def account(*more: SeedOrganization) -> dict[str, Any]:
    """Twelve clients that left, and as many that did not."""
    left = [
        SeedOrganization(
            id=int(each), name=f"Client {each}", status="Inactive", psa=Psa("manage", each)
        )
        for each in CLIENTS
    ]
    stayed = [SeedOrganization(id=number, name=f"Client {number}") for number in range(201, 213)]
    seed = Seed(
        organizations=(*stayed, *left, *more),
        statuses={1: "Active", 2: "Inactive"},
        types={86: "Customer"},
        flexible_asset_types={35: "LAN"},
    )
    return {"seed": seed}


class Killed(BaseException):
    """The worker's process is gone."""


async def test_every_candidate_is_requested_once_and_deleted(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account(), max_deletions_per_day=20) as it:
        sweeping = Sweeping(it)
        summary = await sweeping.summary()

        assert (summary["state"], summary["looked_at"], summary["met"]) == ("finished", 24, 12)
        assert (summary["requested"], found(summary)) == (12, CLIENTS)
        assert summary["unmet"] == {"eligible_statuses": 12}
        deletions = await sweeping.deletions()
        assert sorted(sweeping.queued) == sorted(each.id for each in deletions)
        for each in deletions:
            assert (each.source, each.actor) == ("schedule:nightly", "alice")
            assert each.request.org_name == f"Client {each.request.org_id}"
            assert (await it.run(each.id))["deleted"] is True
        assert len(await it.deletes()) == 12


async def test_a_default_account_is_too_much_for_the_default_share(rehearse: Rehearse) -> None:
    """As an IT Glue that says of everybody that they are inactive would be."""
    async with rehearse() as it:
        callback = {"url": "https://rewst.example.com/hook", "secrets": [SECRET]}
        sweeping = Sweeping(it, max_share=0.2, callback=callback)
        summary = await sweeping.summary()

        assert (summary["state"], summary["requested"]) == ("held", 0)
        assert summary["met"] > summary["allowed"] == 5
        assert await sweeping.deletions() == []
        (notice,) = await sweeping.notices()
        assert (notice["kind"], notice["schedule"]) == ("held_by_limit", "nightly")
        callback_hash = await it.ledger.store.hash("callback", "cb_1_1")
        assert callback_hash["target"] == callback["url"]
        assert json.loads(callback_hash["body"])["data"] == summary
        assert summary["audit_head"] is None  # nothing was chained yet

        await AuditWriter(it.ledger, Keyring.of(()), path="", keep=1000).write(it.clock())
        head = (await it.ledger.audit_log.state()).head
        assert head is not None
        assert (await sweeping.summary())["audit_head"] == head.plain()


async def test_a_moving_one_is_counted(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rehearse(sandbox=account(), approval="always") as it:
        name = await it.ask(org_id="301", confirm_delete=True)
        assert (await it.advance(name)).state == "awaiting_approval"
        ledger, send = it.ledger, it.ledger.store.redis.execute_command
        it.clock.forward(days=4)

        async def and_it_moves(command: str, *arguments: Any, **options: Any) -> Any:
            """A worker takes it to remind somebody, and gives it back, between any two reads."""
            answer = await send(command, *arguments, **options)  # type: ignore[no-untyped-call] # redis-py's own
            if command.startswith("ZREV"):
                held = await ledger.deletions.lease(name, it.clock())
                if held is None:
                    held = await ledger.deletions.get(name)
                    back = Change("awaiting_approval", ready_at=it.clock())
                    await ledger.deletions.record(held, back, it.clock())
            return answer

        monkeypatch.setattr(ledger.store.redis, "execute_command", and_it_moves)
        assert [each.id for each in await ledger.listing.open()] == [name]


async def test_anothers_lease_stops_it(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeps, name = it.ledger.sweeps, await Sweeping(it).begin()
        held = await sweeps.lease(name, it.clock())
        assert held is not None
        send = it.ledger.store.redis.execute_command

        async def and_is_held_up(command: str, *arguments: Any, **options: Any) -> Any:
            answer = await send(command, *arguments, **options)  # type: ignore[no-untyped-call] # redis-py's own
            if command == "EVALSHA":
                monkeypatch.undo()
                assert await sweeps.lease(name, it.clock.forward(hours=1)) is not None
            return answer

        monkeypatch.setattr(it.ledger.store.redis, "execute_command", and_is_held_up)
        mine = await sweeps.record(held, Progress(), it.clock())
        with pytest.raises(Fenced):
            await sweeps.record(mine, Progress(), it.clock())


async def test_more_than_the_limit_is_held(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        assert (await Sweeping(it, limit=11).summary())["state"] == "held"
        assert (await Sweeping(it, limit=12).summary())["state"] == "finished"


async def test_a_preview_creates_nothing_and_says_why(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        sweeping = Sweeping(it, max_share=0.2)
        summary = await sweeping.summary(preview=True)

        assert (summary["state"], summary["requested"]) == ("finished", 0)
        assert TEST_COMPANY in found(summary)
        assert await sweeping.deletions() == []
        rows = await it.ledger.sweeps.rows("swp_1")
        assert rows["101"].why[0].startswith("primary_organization: ")
        assert rows["306"].why == (
            "my_glue_account: it has a MyGlue account; close that account in IT Glue first",
        )
        assert any(why.startswith("blocking_tags: ") for why in rows["307"].why)
        assert await it.ledger.store.hash("callback", "cb_1_1") == {}


async def test_a_dry_run_schedule_asks_for_previews(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it, dry_run=True)
        await sweeping.summary()
        results = [await it.run(each.id) for each in await sweeping.deletions()]
        assert {each["details"]["state"] for each in results} == {"previewed"}
        assert await it.deletes() == []


@pytest.mark.parametrize("approval", ["never", "webhooks"])
async def test_an_unconfirmed_sweep_deletes_nothing(rehearse: Rehearse, approval: str) -> None:
    async with rehearse(sandbox=account(), approval=approval) as it:
        sweeping = Sweeping(it, confirm_delete=False)
        await sweeping.summary()
        for each in (await sweeping.deletions())[:2]:
            await it.advance(each.id)
        assert await it.deletes() == []


async def test_ignored_filters_change_nothing(rehearse: Rehearse) -> None:
    async with rehearse("ignore-filters", sandbox=account()) as it:
        assert found(await Sweeping(it).summary()) == CLIENTS


async def test_a_schedules_own_criteria(rehearse: Rehearse) -> None:
    old = SeedOrganization(id=401, name="Old", status="Inactive", description="gone #offboarded")
    used = SeedOrganization(
        id=402, name="Used", status="Inactive", description="#offboarded", idle_days=10
    )
    async with rehearse(sandbox=account(old, used)) as it:
        tagged = Sweeping(it, required_tags=["#offboarded"])
        assert found(await tagged.summary(preview=True)) == ["401", "402"]
        idle = Sweeping(it, required_tags=["#offboarded"], idle_days=30)
        assert found(await idle.summary(preview=True)) == ["401"]


async def test_a_tag_beyond_what_lists_show_is_seen(rehearse: Rehearse) -> None:
    hidden = SeedOrganization(
        id=401, name="Hidden", status="Inactive", quick_notes="x" * 260 + " #legal-hold"
    )
    async with rehearse(sandbox=account(hidden)) as it:
        assert found(await Sweeping(it).summary()) == CLIENTS


# -- what others say --------------------------------------------------------------------------


async def test_an_organization_with_an_open_deletion_is_skipped(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        await it.ask(org_id="301")
        await it.ask(org_name="Client 302")
        await it.event(company="303")
        planned = await it.event(company="304", confirm_delete=False)
        assert planned.deletion_id is not None
        summary = await sweeping.summary()

        assert skipped(summary) == dict.fromkeys(CLIENTS[:4], "open_deletion")
        assert found(summary) == CLIENTS[4:]
        again = await sweeping.summary()
        assert (again["requested"], len(again["skipped"])) == (0, 12)


async def test_a_client_that_is_back_or_that_a_person_spared_is_skipped(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        await it.event(company="301", active=True)
        receipt = await it.event(company="302")
        await it.ledger.deletions.cancel(
            str(receipt.deletion_id), operator="bob", error=_cancelled(), now=it.clock()
        )
        summary = await sweeping.summary()
        assert skipped(summary) == {"301": "client_active", "302": "cancelled_by_operator"}
        assert found(summary) == CLIENTS[2:]  # never known to any source


def _cancelled() -> Any:
    from workers.ledger.records import ErrorEntry  # noqa: PLC0415

    return ErrorEntry("Cancelled", "spared", "")


@pytest.mark.parametrize("known", [False, True])
async def test_a_client_that_comes_back_is_not_deleted(rehearse: Rehearse, *, known: bool) -> None:
    """IT Glue's status lags behind the PSA's word by hours."""
    async with rehearse(sandbox=account()) as it:
        if known:
            await it.event(company="301", active=True)
            it.clock.forward(minutes=1)
            it.reconfigure(only_ids=["999"])
            await it.run(str((await it.event(company="301")).deletion_id))
            it.reconfigure()
        sweeping = Sweeping(it)
        await sweeping.summary()
        deletion = next(each for each in await sweeping.deletions() if each.request.org_id == "301")
        await it.event(company="301", active=True)
        result = await it.run(deletion.id)

        assert result["details"]["state"] == "cancelled"
        assert await it.deletes() == []


async def test_an_event_that_nobody_can_prove_yet_holds_it(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        await sweeping.summary()
        deletion = (await sweeping.deletions())[0]
        kept = await it.ledger.quarantine.keep(
            delivery={"id": "dlv_q", "source": "cw", "vendor": "connectwise", "headers": "[]"},
            body=b"{}",
            due=it.clock() + timedelta(hours=1),
            now=it.clock(),
        )
        assert kept is not None
        assert (await it.advance(deletion.id)).state == "retrying"
        assert await it.deletes() == []


async def test_webhook_api_and_sweep_at_once_lead_to_one_delete(rehearse: Rehearse) -> None:
    """The sweep had looked before the others came."""
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        sweep = await sweeping.begin()
        kept = it.ledger.sweeps.claimed_by

        async def others_come(org_id: str) -> str | None:
            if org_id == "301":
                await it.ask(org_id="301")
                await it.event(company="301")
            return await kept(org_id)

        it.ledger.sweeps.claimed_by = others_come  # type: ignore[method-assign]
        await sweeping.advance(sweep)
        mine = [each for each in await sweeping.deletions() if _means(each.request, "301")]
        assert len(mine) == 3
        for _ in range(3):
            for each in mine:
                await it.advance(each.id)
            it.clock.forward(seconds=3)
        assert len(await it.deletes()) == 1


def _means(request: Any, org_id: str) -> bool:
    return org_id in {request.org_id, request.psa.company_id if request.psa else None}


# -- being interrupted ------------------------------------------------------------------------


@pytest.mark.parametrize("dies_in", ["organizations_page", "organization", "enqueue"])
@pytest.mark.parametrize("after", [1, 3])
async def test_a_killed_sweep_goes_on_where_it_was(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch, dies_in: str, after: int
) -> None:
    monkeypatch.setattr(walk, "_SIZES", (5,))
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        where = sweeping if dies_in == "enqueue" else it.context.itglue
        work, calls = getattr(where, dies_in), 0

        async def dying(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            done = await work(*args)
            if calls == after + 1:
                raise Killed
            return done

        monkeypatch.setattr(where, dies_in, dying)
        sweep_id = await sweeping.begin()
        with pytest.raises(Killed):
            await sweeping.advance(sweep_id)
        assert (await sweeping.advance(sweep_id)).finished_at is None  # the lease is the dead one's
        it.clock.forward(seconds=61)
        assert [name for name, _ in await it.ledger.sweeps.take_due(it.clock())] == [sweep_id]
        sweep = await sweeping.advance(sweep_id)

        assert sweep.summary is not None
        assert (sweep.state, sweep.summary["requested"]) == ("finished", 12)
        wanted = [str(each.request.org_id) for each in await sweeping.deletions()]
        assert sorted(wanted) == CLIENTS
        most = {"organizations_page": 5, "organization": 12, "enqueue": 12}[dies_in]
        assert calls <= most + 1


async def test_a_long_sweep_yields(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        monkeypatch.setattr(walk, "SLICE", timedelta(0))
        sweep_id = await sweeping.begin()
        states = []
        for _ in range(100):
            states.append((await sweeping.advance(sweep_id)).state)
            if states[-1] == "finished":
                break
        assert set(states) == {"checking", "requesting", "finished"}
        assert len(await sweeping.deletions()) == 12


async def test_a_used_up_budget_is_waited_for(rehearse: Rehearse) -> None:
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        limit = it.settings.itglue.requests_per_5_minutes
        work, calls = it.context.itglue.organization, 0

        async def using_up(org_id: str) -> Any:
            nonlocal calls
            calls += 1
            if calls == 4:
                for _ in range(limit):
                    await it.ledger.budget.take(
                        it.clock(), limit=limit, reserve=0, destructive=True
                    )
            return await work(org_id)

        it.context.itglue.organization = using_up  # type: ignore[method-assign]
        sweep_id = await sweeping.begin()
        waiting = await sweeping.advance(sweep_id)
        assert (waiting.state, waiting.attempts) == ("checking", 0)
        assert await it.ledger.sweeps.take_due(it.clock()) == []
        it.clock.forward(minutes=6)
        sweep = await sweeping.advance(sweep_id)
        assert sweep.summary is not None
        assert (sweep.state, sweep.summary["requested"]) == ("finished", 12)


async def until_over(sweeping: Sweeping) -> Sweep:
    sweep_id = await sweeping.begin()
    for _ in range(50):
        sweep = await sweeping.advance(sweep_id)
        if sweep.finished_at is not None:
            return sweep
        sweeping.it.clock.forward(minutes=15)
    raise AssertionError(sweep.state)


async def test_a_refused_key_ends_it_and_people_are_told(rehearse: Rehearse) -> None:
    async with rehearse("forbid=all,401", sandbox=account()) as it:
        sweeping = Sweeping(it)
        sweep = await until_over(sweeping)
        assert sweep.summary is not None
        assert (sweep.state, sweep.attempts) == ("failed", 0)
        assert [each["code"] for each in sweep.summary["errors"]] == ["PermissionDenied"]
        assert [each["kind"] for each in await sweeping.notices()] == ["failed"]


@pytest.mark.parametrize(("fault", "state"), [("html:3", "finished"), ("html", "failed")])
async def test_an_outage_passes_or_ends_it(rehearse: Rehearse, fault: str, state: str) -> None:
    async with rehearse(fault, sandbox=account()) as it:
        sweeping = Sweeping(it)
        assert (await until_over(sweeping)).state == state
        assert bool(await sweeping.deletions()) is (state == "finished")


async def test_a_list_that_shrinks(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What moves up onto a page that was read is not overlooked."""
    monkeypatch.setattr(walk, "_SIZES", (5,))
    async with rehearse(sandbox={**account(), "removal_seconds": 0}) as it:
        sweeping = Sweeping(it)
        read, calls = it.context.itglue.organizations_page, 0

        async def moving(number: int, size: int) -> Any:
            nonlocal calls
            calls += 1
            if calls == 4:
                body = {"data": [{"type": "organizations", "attributes": {"id": 201}}]}
                answer = await it.http.request(
                    "DELETE",
                    "/organizations",
                    json=body,
                    headers={
                        "x-api-key": "ITG.sandbox",
                        "content-type": "application/vnd.api+json",
                    },
                )
                assert answer.status_code == 200, answer.text
            return await read(number, size)

        it.context.itglue.organizations_page = moving  # type: ignore[method-assign]
        assert found(await sweeping.summary()) == CLIENTS


async def test_a_repeated_page_ends_it(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_SIZES", (5,))
    async with rehearse(sandbox=account()) as it:
        sweeping = Sweeping(it)
        read = it.context.itglue.organizations_page

        async def first(number: int, size: int) -> Any:
            del number
            return await read(1, size)

        it.context.itglue.organizations_page = first  # type: ignore[method-assign]
        sweep = await until_over(sweeping)
        assert sweep.state == "failed"
        assert await sweeping.deletions() == []
