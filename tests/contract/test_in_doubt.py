"""In doubt Unglue holds and tells: nothing genuine is dropped, and nothing ends by the clock."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.errors import SigningKeyUnavailable
from service.sandbox.shapes import Psa
from tests.contract.conftest import Them
from tests.support.sources import COMPANY, NAME, ORG, Sources, account, changed, created
from tests.support.sweeps import Sweeping
from workers.intake.intake import Acknowledged

HELD = {"awaiting_approval", "blocked", "cancelled"}
Says = Callable[[Sources], Awaitable[Acknowledged]]


# -- genuine, and not understood --------------------------------------------------------------

UNREADABLE: dict[str, Says] = {
    "cw_half_a_status": lambda them: them.cw({"id": 1}),
    "cw_no_status": lambda them: them.cw({}),
    "cw_entity_cut_off": lambda them: them.cw(Entity='{"id": 250, "status"'),
    "cw_flag_as_text": lambda them: them.cw(Entity='{"id": 250, "deletedFlag": "false"}'),
    "cw_unknown_action": lambda them: them.cw("Active", Action="merged"),
    "cw_entity_a_list": lambda them: them.cw(Entity="[1]"),
    "cw_nobody": lambda them: them.cw("Active", ID=None),
    "std_no_text": lambda them: them.send("std", b"\xff\xfe"),
    "std_Active": lambda them: them.std("client.Active"),
    "std_reactivated": lambda them: them.std("client.reactivated"),
    "std_a_number": lambda them: them.std("client.active", org_id=401),
    "std_nested": lambda them: them.std("client.active", client={"org_id": ORG}),
    "std_no_type": lambda them: them.send("std", {"data": {"org_id": ORG}}),
    "ce_ACTIVE": lambda them: them.ce("CLIENT.ACTIVE"),
    "ce_a_number": lambda them: them.ce("client.active", org_id=401),
    "at_maybe": lambda them: them.at("maybe"),
    "at_no_entity": lambda them: them.at("True", EntityType=None),
    "at_fields_as_text": lambda them: them.at(Fields="isActive=True"),
    "ninja_two_names": lambda them: them.ninja("CLIENT_DELETED", data={"clientName": "Other"}),
    "ninja_no_state": lambda them: them.ninja("CLIENT_UPDATED", data={}),
    "cw_another_word": lambda them: them.cw("Active", Type="Companies"),
    "std_another_word": lambda them: them.std("customer.active", org_id=ORG),
    "std_underscore": lambda them: them.std("client_active", org_id=ORG),
    "std_wide": lambda them: them.std("\uff43\uff4c\uff49\uff45\uff4e\uff54.active", org_id=ORG),
    "at_another_word": lambda them: them.at("True", EntityType="Organization"),
    "ninja_renamed": lambda them: them.ninja("ORGANIZATION_CREATED"),
    "halo_elsewhere": lambda them: them.send(
        "halo", {"client": {"id": 57, "name": NAME, "inactive": False}, "user": {"id": 3}}
    ),
    "halo_other_names": lambda them: them.send(
        "halo", {"for_id": 57, "inactive": False, "user": "bob"}
    ),
    "halo_perhaps": lambda them: them.halo("perhaps"),
    "halo_nobody": lambda them: them.halo(inactive=False, client=None, name=None),
}
ASKS: dict[str, Says] = {
    "cw": lambda them: them.cw(),
    "std": lambda them: them.std(),
    "ce": lambda them: them.ce(),
    "at": lambda them: them.at(),
    "ninja": lambda them: them.ninja(),
    "halo": lambda them: them.halo(),
}
PLAIN: dict[str, Says] = {
    "cw_ticket": lambda them: them.cw(Type="ticket", Entity="{}"),
    "cw_contact": lambda them: them.cw(Type="contact", Entity=None),
    "at_ticket": lambda them: them.at(EntityType="Ticket", Fields={"status": 1}),
    "std_ping": lambda them: them.std("webhook.ping"),
    "std_invoice": lambda them: them.std("invoice.paid", org_id="x"),
    "ninja_condition": lambda them: them.ninja("CONDITION_RESET"),
    "halo_ticket": lambda them: them.send("halo", {"ticket": {"id": 7}}),
}


def its_account(said: str) -> dict[str, Any]:
    """Where the source that says so knows the client by its link."""
    return account(psa=Psa("autotask", str(COMPANY))) if said.startswith("at_") else account()


@pytest.mark.parametrize("said", UNREADABLE)
async def test_it_holds_the_deletions_of_its_source(sources: Them, said: str) -> None:
    async with sources(sandbox=its_account(said), grace_period="1h") as them:
        name = (await them.in_grace(await created(ASKS[said.partition("_")[0]](them)))).id
        receipt = (await UNREADABLE[said](them)).strongest
        found = await them.settle(name)
        await them.untouched()
        if receipt.verdict == "rejected":
            assert found.state not in {"failed", "deleted", "cancelled"}
            assert "rejected_event" in await them.told()
        else:
            # It was understood after all.
            assert found.state == "cancelled"


@pytest.mark.parametrize("said", PLAIN)
async def test_what_is_about_something_else_holds_nothing(sources: Them, said: str) -> None:
    async with sources(sandbox=its_account(said), grace_period="1h") as them:
        name = (await them.in_grace(await created(ASKS[said.partition("_")[0]](them)))).id
        await PLAIN[said](them)
        assert (await them.settle(name)).state == "deleted"
        assert "rejected_event" not in await them.told()


@pytest.mark.parametrize("said", ["cw_half_a_status", "cw_nobody", "std_nested"])
@pytest.mark.parametrize("by", ["api", "sweep"])
async def test_it_holds_what_others_asked_for(sources: Them, by: str, said: str) -> None:
    async with sources(grace_period="1h") as them:
        if by == "api":
            await them.it.ask(org_id=ORG, org_name=NAME)
        else:
            sweeping = Sweeping(them.it)
            schedules = them.it.settings.schedules
            them.it.set_settings(them.settings.model_copy(update={"schedules": schedules}))
            await sweeping.summary()
        await UNREADABLE[said](them)
        await them.all_settled()
        await them.untouched()


async def test_it_came_before_the_request(sources: Them) -> None:
    async with sources() as them:
        await them.cw({"id": 1})
        name = str((await them.cw()).strongest.deletion_id)
        await them.settle(name)
        await them.untouched()


async def test_one_client_that_can_be_read_holds_only_its_own(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        name = (await them.in_grace(await created(them.cw()))).id
        await them.cw({"id": 1}, company=9, name="Client 201")
        assert (await them.settle(name)).state == "deleted"


@pytest.mark.parametrize("asked", ["std", "ninja", "halo", "api"])
async def test_what_is_unproved_may_be_about_any_client(sources: Them, asked: str) -> None:
    async with sources(grace_period="1h") as them:
        if asked == "api":
            name = await them.it.ask(org_id=ORG, org_name=NAME)
        else:
            name = (await them.in_grace(await created(ASKS[asked](them)))).id
        them.keys.answer = SigningKeyUnavailable
        assert (await them.cw("Active")).strongest.verdict == "unverified"
        assert (await them.settle(name)).state == "retrying"
        await them.untouched()


async def test_a_noisy_sender_is_told_of_once_an_hour(sources: Them) -> None:
    async with sources() as them:
        for _ in range(30):
            await them.cw({"id": 1})
        assert (await them.told()).count("rejected_event") == 1


# -- the same id, another content -------------------------------------------------------------

REUSED: dict[str, tuple[Says, Says]] = {
    "std": (
        lambda them: them.std(message="ticket-77"),
        lambda them: them.std("client.active", message="ticket-77"),
    ),
    "std_by_name": (
        lambda them: them.std(message="ticket-77", org_name=NAME),
        lambda them: them.std("client.active", message="ticket-77", org_name=NAME),
    ),
    "at": (lambda them: them.at(number=44), lambda them: them.at("True", number=44)),
    "at_created": (
        lambda them: them.at(number=1),
        lambda them: them.at(active=True, number=1, Action="Create"),
    ),
    "cw": (lambda them: them.cw(MessageId="m1"), lambda them: them.cw("Active", MessageId="m1")),
    "ninja": (lambda them: them.ninja(id="5"), lambda them: them.ninja("CLIENT_CREATED", id="5")),
    "ce": (lambda them: _ce(them, "client.inactive"), lambda them: _ce(them, "client.active")),
}


async def _ce(them: Sources, kind: str) -> Acknowledged:
    body = {"specversion": "1.0", "id": "ce-1", "source": "crm", "type": kind}
    time = them.it.clock().isoformat()
    return await them.send("ce", {**body, "time": time, "data": {"org_id": ORG, "org_name": NAME}})


@pytest.mark.parametrize("kind", REUSED)
async def test_a_reactivation_under_a_used_id_counts(sources: Them, kind: str) -> None:
    inactive, active = REUSED[kind]
    psa = Psa("autotask" if kind.startswith("at") else "manage", str(COMPANY))
    async with sources(sandbox=account(psa=psa), grace_period="1h") as them:
        name = (await them.in_grace(await created(inactive(them)))).id
        receipt = (await active(them)).strongest
        assert receipt.verdict in {"cancelled", "accepted"}, receipt
        found = await them.settle(name)
        await them.untouched()
        assert found.state == "cancelled"


@pytest.mark.parametrize("times", [1, 3])
async def test_and_again_after_the_client_left_again(sources: Them, times: int) -> None:
    """Every save of a sloppy sender has the one id."""
    async with sources(grace_period="1h") as them:
        for _ in range(times):
            await them.std(message="the-one")
            them.it.clock.forward(seconds=5)
            await them.std("client.active", message="the-one")
            them.it.clock.forward(seconds=5)
        await them.all_settled()
        await them.untouched()
        name = (await them.in_grace(await created(them.std(message="the-one")))).id
        assert (await them.settle(name)).state == "deleted"


@pytest.mark.parametrize("first", ["too_old", "other_type", "rejected"])
async def test_a_used_id_whose_first_event_had_no_effect(sources: Them, first: str) -> None:
    async with sources(grace_period="1h") as them:
        name = (await them.in_grace(await created(them.std()))).id
        match first:
            case "too_old":
                old = them.it.clock() - timedelta(days=8)
                receipt = (await them.std(message="x", at=old)).strongest
                assert receipt.reason == "too_old"
            case "other_type":
                await them.std("webhook.ping", message="x")
            case _:
                await them.std("client.inactive", message="x", org_id=401)
        assert (await them.std("client.active", message="x")).strongest.verdict == "cancelled"
        assert (await them.settle(name)).state == "cancelled"
        await them.untouched()


async def test_another_client_under_a_used_id_is_not_lost(sources: Them) -> None:
    async with sources() as them:
        await them.std(message="x", org_name="Client 201")
        receipt = (await them.std(message="x", org_name=NAME)).strongest
        assert (receipt.verdict, receipt.reason) == ("accepted", "created")


async def test_the_same_event_again_is_the_same(sources: Them) -> None:
    async with sources(grace_period="1h") as them:
        at = them.it.clock()
        name = (await them.in_grace(await created(them.std(message="x", at=at)))).id
        again = (await them.std(message="x", at=at)).strongest
        assert again.verdict == "duplicate"
        assert (await them.settle(name)).state == "deleted"
        assert len(await them.it.deletes()) == 1


@pytest.mark.parametrize("said_by", ["org_id", "org_name"])
async def test_active_once_more_under_its_own_constant_id(sources: Them, said_by: str) -> None:
    """Whoever makes an id of client and status, and sends no time, says the same bytes twice."""
    async with sources(grace_period="1h") as them:
        await them.std("client.active", timed=False, message="violet-active")
        data: dict[str, Any] = {said_by: ORG if said_by == "org_id" else NAME}
        gone = await created(them.std(timed=False, message="violet-inactive", **data))
        await them.in_grace(gone)
        again = (await them.std("client.active", timed=False, message="violet-active")).strongest
        assert (again.reason, again.deletion_id) == ("order_unknown", gone)
        found = await them.settle(gone)
        await them.untouched()
        assert found.state == "awaiting_approval"
        await them.approve(found)
        assert (await them.settle(gone)).state == "deleted"


async def test_another_client_that_is_updated_has_the_name(sources: Them) -> None:
    """NinjaOne without a convention: whoever is updated is there."""
    async with sources(grace_period="1h") as them:
        signs = {"hmac_header": "x-signature", "hmac_secrets": ["what a gateway signs with"]}
        them.configure(changed("ninja", inactive_when=None, confirm_delete=True, **signs))
        gone = (await them.in_grace(await created(them.ninja()))).id
        await them.ninja("CLIENT_UPDATED", number=8)
        await them.settle(gone)
        await them.untouched()


async def test_active_once_more_ends_no_persons_no(sources: Them) -> None:
    """Nobody can say whether it is older than that."""
    async with sources(grace_period="1h") as them:
        await them.std("client.active", timed=False, message="violet-active")
        await them.cancel(await created(them.std(timed=False, message="violet-inactive")))
        again = (await them.std("client.active", timed=False, message="violet-active")).strongest
        assert again.verdict == "duplicate"
        more = (await them.std()).strongest
        assert (more.verdict, more.reason) == ("ignored", "cancelled_by_operator")


async def test_an_inactive_that_is_too_old_is_told(sources: Them) -> None:
    async with sources() as them:
        sent = await them.std(at=them.it.clock() - timedelta(days=8))
        assert sent.strongest.reason == "too_old"
        assert "source_alert" in await them.told()
