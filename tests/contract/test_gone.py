"""Gone means gone, from the point of view that the plan had; and of no other account."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.errors import Conflict
from service.sandbox.populate import populate
from service.sandbox.shapes import SeedOrganization
from tests.contract.conftest import Rehearse
from tests.support.ledgers import notice_kinds
from tests.support.rehearsal import TEST_COMPANY, Rehearsal
from tests.support.sources import NAME, ORG, Sources, account, created
from workers.itglue.account import daily_read
from workers.ledger.installation.account import AnotherAccount
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.pipeline.result import result_of
from workers.upkeep.aftercare import look_back

HELD = "302"


async def fault(it: Rehearsal, **faults: Any) -> None:
    named = {name.replace("_", "-"): each for name, each in faults.items()}
    (await it.http.post("/_sandbox/faults", json=named)).raise_for_status()


def other_account(it: Rehearsal, primary: int = 9001) -> None:
    """Another account behind the URL: its own organization and one client."""
    world = populate(it.account.settings.seed, it.clock())
    own, client = world.organizations[101], world.organizations[201]
    world.organizations = {primary: replace(own, id=primary), 9002: replace(client, id=9002)}
    it.account.world = world


async def sent(it: Rehearsal, **fields: Any) -> Deletion:
    """A deletion whose call has gone out."""
    deletion_id = await it.ask(force_delete=True, **fields)
    deletion = await it.advance(deletion_id)
    assert len(await it.deletes()) == 1, deletion.errors
    return deletion


async def test_a_key_that_lost_its_right_to_see_it_proves_nothing(rehearse: Rehearse) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        deletion = await sent(it, org_id=HELD)
        await fault(it, accept_and_do_nothing=None, hide=HELD)
        result = await it.run(deletion.id)
        assert result["deleted"] is False
        assert [each["code"] for each in result["errors"]] == ["DeletionUnverified"]
        assert int(HELD) in it.world.organizations


@pytest.mark.parametrize("status", [401, 403])
async def test_nor_does_a_key_that_may_not_see_its_records(rehearse: Rehearse, status: int) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        deletion = await sent(it, org_id=HELD)
        await fault(it, hide=HELD, forbid=f"configurations,{status}")
        result = await it.run(deletion.id)
        assert result["deleted"] is False
        assert int(HELD) in it.world.organizations


async def test_nor_does_it_after_a_call_that_was_not_answered(rehearse: Rehearse) -> None:
    async with rehearse("drop-before") as it:
        deletion = await sent(it, org_id=HELD)
        await fault(it, hide=HELD)
        result = await it.run(deletion.id)
        assert result["deleted"] is False
        assert int(HELD) in it.world.organizations
        # It is looked for ever less often, also once a call might be sent again.
        assert (await it.journal(deletion.id)).count("unanswered") < 100


@pytest.mark.parametrize("lost", ["witness", "others"])
async def test_a_key_that_lost_more_rights_proves_nothing(rehearse: Rehearse, lost: str) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        deletion = await sent(it, org_id="311")
        account = deletion.intent.account
        assert account is not None
        assert account.primary == "101"
        all_ids = [str(each) for each in sorted(it.world.organizations)]
        plain = next(each for each in all_ids if each not in {*account.witnesses, "311"})
        also = account.witnesses[-1] if lost == "witness" else plain
        await fault(it, hide=f"311,{also}")
        assert (await it.run(deletion.id))["deleted"] is False


async def test_what_unglue_deleted_meanwhile_is_no_witness_against_it(rehearse: Rehearse) -> None:
    async with rehearse(sandbox={"removal_seconds": 30}) as it:
        first = await it.ask(org_id="311")
        deletion = await it.advance(first)
        assert deletion.intent.account is not None
        also = next(each for each in deletion.intent.account.witnesses if each == "314")
        second = await it.ask(org_id=also)
        await it.advance(second)
        it.clock.forward(minutes=1)
        assert (await it.run(first))["deleted"] is True
        assert (await it.run(second))["deleted"] is True


async def test_another_account_proves_nothing_and_pauses_everything(rehearse: Rehearse) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        deletion = await sent(it, org_id=TEST_COMPANY)
        first = it.account.world
        other_account(it)
        it.clock.forward(seconds=5)
        waiting = await it.advance(deletion.id)
        assert (waiting.state, waiting.step) == ("retrying", "verify")
        assert waiting.waits_for == "account_changed"
        assert [each.cause for each in await it.ledger.stop_switch.pauses()] == ["account_changed"]
        assert "account_changed" in await notice_kinds(it.ledger)
        with pytest.raises(Conflict, match="accept-account"):
            await it.ledger.stop_switch.resume("root", "", it.clock())

        # However long it lasts, nothing is said of the organization.
        it.clock.forward(days=2)
        assert not (await it.advance(deletion.id)).terminal
        it.account.world = first
        await daily_read(it.context)
        assert await it.ledger.stop_switch.resume("root", "", it.clock())


async def test_an_accepted_account_is_the_accounts_from_there_on(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        waiting = await it.ask(org_name="Moss, Fern and Partners", confirm_delete=True)
        planned = await it.ask(org_id="311", dry_run=True)
        assert (await it.run(planned))["details"]["state"] == "previewed"
        other_account(it)
        held = await it.advance(waiting)
        assert held.waits_for in {"account_changed", ""}
        await daily_read(it.context)
        await it.ledger.account.accept("root", it.clock())
        assert await it.ledger.stop_switch.resume("root", "", it.clock())
        assert await it.ledger.account.primary() == "9001"


async def test_a_plan_of_one_account_is_not_carried_out_in_another(rehearse: Rehearse) -> None:
    async with rehearse(grace_period="1h") as it:
        deletion_id = await it.ask(org_id="311")
        assert (await it.advance(deletion_id)).state == "scheduled"
        other = it.world.organizations[101]
        other.primary = False
        it.world.organizations[9001] = replace(other, id=9001, primary=True)
        await daily_read(it.context)
        await it.ledger.account.accept("root", it.clock())
        await it.ledger.stop_switch.resume("root", "", it.clock())
        result = await it.run(deletion_id)
        assert result["errors"][0]["message"].startswith("other_account")
        assert await it.deletes() == []


async def test_an_account_hiding_its_own_organization_is_not_trusted(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        await it.run(await it.ask(org_id="311", dry_run=True))
        it.world.organizations[101].primary = False
        result = await it.run(await it.ask(org_id="311"))
        assert result["errors"][0]["message"].startswith("other_account")
        assert await it.deletes() == []


async def test_an_account_that_shows_none_is_proved_by_its_witnesses(rehearse: Rehearse) -> None:
    async with rehearse() as it:
        it.world.organizations[101].primary = False
        assert (await it.run(await it.ask(org_id="311")))["deleted"] is True


async def test_a_record_is_for_one_address(ledger: Ledger, rehearse: Rehearse) -> None:
    async with rehearse() as it:
        ours = Ledger(ledger.store, base_url="https://api.itglue.com")
        await ours.account.require_ours(it.clock())
        await Ledger(ledger.store, base_url="https://API.itglue.com/").account.require_ours(
            it.clock()
        )
        theirs = Ledger(ledger.store, base_url="https://api.eu.itglue.com")
        with pytest.raises(AnotherAccount, match="redis_prefix"):
            await theirs.account.require_ours(it.clock())
        # The record refuses too, whoever forgot to ask.
        result = await it.advance(await it.ask(org_id="311"))
        assert not result.terminal
        assert await it.deletes() == []


async def test_a_slow_queue_is_waited_for_and_the_result_corrected(rehearse: Rehearse) -> None:
    async with rehearse("lag=200000") as it:
        receipt = await it.event()
        deletion_id = str(receipt.deletion_id)
        await it.ledger.store.redis.hset(
            it.ledger.store.key("deletion", deletion_id), "callback_url", "https://psa.example/x"
        )
        result = await it.run(deletion_id)
        assert [each["code"] for each in result["errors"]] == ["DeletionUnverified"]
        ((due, _),) = await it.ledger.deletions.take_aftercare(it.clock.forward(hours=25))
        assert due == deletion_id
        await look_back(due, it.context)
        assert (await it.ledger.deletions.get(due)).state == "failed"
        it.clock.forward(days=2)
        await look_back(due, it.context)
        await look_back(due, it.context)

        deletion = await it.ledger.deletions.get(due)
        assert (deletion.state, deletion.errors) == ("deleted", ())
        assert (await it.journal(due)).count("proved_later") == 1
        register = await it.ledger.store.hash("register", "cw", "2")
        assert register["state"] == "deleted"
        callbacks = await it.ledger.store.redis.zrange(
            it.ledger.store.key("callbacks:of", due), 0, -1
        )
        assert len(set(callbacks)) == 2


async def test_a_client_that_came_back_meanwhile_is_told_of(rehearse: Rehearse) -> None:
    async with rehearse("lag=200000") as it:
        receipt = await it.event()
        due = str(receipt.deletion_id)
        await it.run(due)
        await it.event(active=True)
        it.clock.forward(days=3)
        await look_back(due, it.context)
        assert (await it.ledger.deletions.get(due)).state == "deleted"
        assert "reactivated_after_deletion" in await notice_kinds(it.ledger)
        assert (await it.ledger.store.hash("register", "cw", "2"))["state"] == "active"


async def test_after_a_week_nobody_looks_any_more(rehearse: Rehearse) -> None:
    async with rehearse("accept-and-do-nothing") as it:
        due = await it.ask(org_id="311")
        await it.run(due)
        looks = 0
        for _ in range(20):
            for found, _ in await it.ledger.deletions.take_aftercare(it.clock.forward(days=1)):
                looks += 1
                await look_back(found, it.context)
        assert looks == 7
        assert (await it.ledger.deletions.get(due)).state == "failed"


async def test_days_in_which_the_key_is_refused_are_not_the_last(rehearse: Rehearse) -> None:
    """It goes late, and the key was revoked meanwhile: a true deletion stays no failure."""
    async with rehearse("lag=300000") as it:
        due = await it.ask(org_id="311")
        assert (await it.run(due))["deleted"] is False
        await fault(it, forbid="organizations,401")
        for _ in range(14):
            for found, _ in await it.ledger.deletions.take_aftercare(it.clock.forward(days=1)):
                await look_back(found, it.context)
                await it.ledger.stop_switch.key_accepted()
        await fault(it, forbid=None)
        for found, _ in await it.ledger.deletions.take_aftercare(it.clock.forward(days=1)):
            await look_back(found, it.context)
        assert (await it.ledger.deletions.get(due)).state == "deleted"


async def test_a_404_to_a_repeated_delete_is_looked_into(rehearse: Rehearse) -> None:
    async with rehearse("repeat", sandbox={"removal_seconds": 0}) as it:
        result = await it.run(await it.ask(org_id="311"))
        assert result["deleted"] is True
        assert result["errors"] == []
        assert any("answered 404 to the DELETE" in each for each in result["warnings"])


@pytest.mark.parametrize("when", ["looked for", "days later"])
async def test_what_is_reported_is_what_the_call_was_for(rehearse: Rehearse, when: str) -> None:
    """The call is not answered, and then its client's link leads to another organization."""
    other = SeedOrganization(id=402, name=NAME, status="Inactive")
    async with rehearse("drop-before:1", sandbox=account(other)) as it:
        them = Sources(it)
        name = await created(them.cw())
        assert (await it.advance(name)).intent.unanswered
        await it.change(ORG, psa=None)
        await it.change("402", psa={"integration": "manage", "company_id": "250", "synced": True})
        it.clock.forward(minutes=20)
        for _ in range(3):
            waiting = await it.advance(name)
            it.clock.now = waiting.ready_at
        assert "meaning_moved" in await it.journal(name)
        if when == "days later":
            assert (await them.settle(name)).state == "failed"
        del it.world.organizations[int(ORG)]
        await look_back(name, it.context)
        found = await them.settle(name)
        result = result_of(found)
        assert (result["deleted"], result["org_id"]) == (True, ORG)
        assert (await it.ledger.store.hash("deletion", name))["org_id"] == ORG
        assert len(await it.deletes()) == 1
