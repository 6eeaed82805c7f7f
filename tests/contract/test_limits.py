"""Limits on how much is deleted, on the real scripts: sliding, shared, never given back."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.models import DeletionRequest
from tests.contract.conftest import Rehearse
from tests.support.clock import TestClock
from tests.support.deletions import approved, leased
from tests.support.ledgers import notices
from tests.support.rehearsal import Rehearsal
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.pipeline.limits import Limit, limits_of
from workers.settings import Settings

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAILY = Limit("policy.max_deletions_per_day", 3, DAY)
HOURLY = Limit("policy.max_deletions_per_hour", 2, HOUR)


async def held(ledger: Ledger, clock: TestClock, number: int) -> Deletion:
    """A deletion about to ask for its call, of an organization of its own."""
    name = f"del_{number}"
    taken = await leased(
        ledger, name, clock(), DeletionRequest(org_id=str(number), confirm_delete=True)
    )
    planned = Change("running", fields={"step": "delete", "plan_digest": "d"})
    return await ledger.deletions.record(taken, planned, clock())


async def begin(
    ledger: Ledger, clock: TestClock, deletion: Deletion, limits: Sequence[Limit]
) -> str:
    begun = await ledger.deletions.begin_delete(
        deletion,
        org_id=deletion.id.removeprefix("del_"),
        digest="d",
        resend_after=timedelta(minutes=10),
        limits=limits,
        now=clock(),
    )
    return begun.decision if begun.decision != "limit" else f"limit: {begun.holder}"


# -- the script ----------------------------------------------------------------------------------


async def test_the_windows_slide(ledger: Ledger, clock: TestClock) -> None:
    """Midnight is no new day, and no full hour a new hour."""
    limits = (DAILY, HOURLY)
    clock.now = clock.now.replace(hour=23, minute=50)
    answers = []
    for number, minutes in enumerate((0, 5, 10, 51, 5, 60, 60 * 22 + 20), 1):
        clock.forward(minutes=minutes)
        answers.append(await begin(ledger, clock, await held(ledger, clock, number), limits))
    assert answers == [
        "begun",
        "begun",
        "limit: policy.max_deletions_per_hour",  # 00:05, fifteen minutes after the first
        "begun",  # 00:56, an hour after the first
        "limit: policy.max_deletions_per_day",
        "limit: policy.max_deletions_per_day",  # whatever the hour says
        "begun",  # a day after the first
    ]


async def test_twenty_workers_begin_no_more_than_allowed(ledger: Ledger, clock: TestClock) -> None:
    deletions = [await held(ledger, clock, number) for number in range(1, 21)]
    answers = await asyncio.gather(
        *(begin(ledger, clock, each, (replace(DAILY, allowed=7),)) for each in deletions)
    )
    assert answers.count("begun") == 7
    assert answers.count("limit: policy.max_deletions_per_day") == 13
    (notice,) = await notices(ledger)
    assert notice.items() >= {"kind": "held_by_limit", "allowed": 7}.items()


async def test_a_deletion_counts_once_and_for_good(ledger: Ledger, clock: TestClock) -> None:
    limits = (replace(DAILY, allowed=2),)
    first = await held(ledger, clock, 1)
    for _ in range(3):
        assert await begin(ledger, clock, first, limits) == "begun"
        refused = Change("running", fields={"intent_state": "refused"})
        first = await ledger.deletions.record(first, refused, clock())
    assert await begin(ledger, clock, await held(ledger, clock, 2), limits) == "begun"
    # Its own place is kept for it, though no other is left.
    assert await begin(ledger, clock, first, limits) == "begun"
    third = await begin(ledger, clock, await held(ledger, clock, 3), limits)
    assert third == "limit: policy.max_deletions_per_day"


async def test_a_source_has_a_limit_of_its_own(ledger: Ledger, clock: TestClock) -> None:
    api = Limit("policy.max_api_deletions_per_day", 1, DAY, "api")
    other = Limit("sources.cw.max_deletions_per_day", 1, DAY, "cw")
    answers = [
        await begin(ledger, clock, await held(ledger, clock, number), (DAILY, limit))
        for number, limit in enumerate((api, api, other, DAILY, DAILY), 1)
    ]
    assert answers == [
        "begun", "limit: policy.max_api_deletions_per_day", "begun", "begun",
        "limit: policy.max_deletions_per_day",
    ]  # fmt: skip


async def test_people_are_told_once_a_window(ledger: Ledger, clock: TestClock) -> None:
    none = (replace(HOURLY, allowed=0),)
    for number in range(1, 41):
        await begin(ledger, clock, await held(ledger, clock, number), none)
    assert len(await notices(ledger)) == 1


# -- which limits hold ---------------------------------------------------------------------------


def test_the_limits_of_a_deletion() -> None:
    settings = Settings(
        itglue={"api_key": "x"},
        callback={"allow_private_networks": True},
        policy={
            "max_deletions_per_day": 50,
            "max_deletions_per_hour": 5,
            "max_api_deletions_per_day": 4,
            "max_share_of_organizations": 0.1,
        },
        sources={"rewst": {"vendor": "standard", "secrets": [_SECRET], "max_deletions_per_day": 3}},
        schedules={"monthly": {"cron": "0 3 1 * *", "max_deletions_per_day": 2}},
    )
    common = (
        Limit("policy.max_deletions_per_day", 50, DAY),
        Limit("policy.max_deletions_per_hour", 5, HOUR),
    )

    def of(source: str, organizations: int | None = 129) -> tuple[Limit, ...]:
        return limits_of(replace(_DELETION, source=source), settings, organizations)

    share = Limit("policy.max_share_of_organizations", 12, DAY)
    assert of("gone") == (*common, share)
    assert of("api")[3] == Limit("policy.max_api_deletions_per_day", 4, DAY, "api")
    assert of("rewst")[3] == Limit("sources.rewst.max_deletions_per_day", 3, DAY, "rewst")
    assert of("schedule:monthly")[3] == Limit(
        "schedules.monthly.max_deletions_per_day", 2, DAY, "schedule:monthly"
    )
    hundred = settings.model_copy(
        update={"policy": settings.policy.model_copy(update={"max_share_of_organizations": 0.29})}
    )
    assert limits_of(_DELETION, hundred, 100)[2].allowed == 29
    # What is not known lets nothing through, and neither does a share of nothing.
    assert [of("gone", known)[2].allowed for known in (None, 0, 9, 10)] == [0, 0, 0, 1]


_SECRET = "whsec_" + "A" * 43 + "="
_DELETION = Deletion.load(
    {
        "id": "del_1", "state": "running", "step": "delete", "generation": "1", "source": "api",
        "client": "", "delivery_id": "", "request": '{"org_id": "1"}', "callback_url": "",
        "created_at": "0", "updated_at": "0", "ready_at": "0", "fence": "1", "attempts": "0",
        "deaths": "0", "intent_no": "0", "intent_state": "", "intent_org": "",
    }
)  # fmt: skip


# -- held for a person ---------------------------------------------------------------------------


async def approve(it: Rehearsal, deletion_id: str, operator: str = "carol") -> None:
    shown = await it.ledger.deletions.get(deletion_id)
    await approved(it.ledger, shown, it.clock(), operator)


@pytest.mark.parametrize("mode", ["delete", "soft_delete"])
async def test_above_a_limit_each_is_held_and_told_once(rehearse: Rehearse, mode: str) -> None:
    async with rehearse(mode=mode, max_deletions_per_day=1) as it:
        await it.run(await it.ask(org_id="311"))
        ids = [await it.ask(org_id="301") for _ in range(3)]
        states = [(await it.advance(each)).state for each in ids]
        assert states == ["awaiting_approval"] * 3
        waiting = await it.ledger.deletions.get(ids[0])
        assert waiting.asked is not None
        assert waiting.asked.why == "limit"
        (notice,) = await notices(it.ledger)
        assert notice["kind"] == "held_by_limit"
        assert notice["limit"] == "policy.max_deletions_per_day"
        # The window slides on; what is held stays held, and nobody is reminded of each.
        it.clock.forward(days=4)
        assert (await it.advance(ids[0])).state == "awaiting_approval"
        assert len(await notices(it.ledger)) == 1
        assert len(await it.deletes()) == (mode == "delete")


async def test_an_approval_lets_that_one_through_and_it_counts(rehearse: Rehearse) -> None:
    async with rehearse(max_deletions_per_day=1) as it:
        first = await it.ask(org_id="311")
        assert (await it.run(first))["deleted"] is True
        held_one = await it.ask(org_id="301")
        await it.advance(held_one)
        await approve(it, held_one)
        it.clock.forward(hours=1)
        assert (await it.run(held_one))["deleted"] is True
        counted: Any = await it.ledger.store.redis.zrange(it.ledger.store.key("begun"), 0, -1)
        assert counted == [first.encode(), held_one.encode()]


async def test_an_approval_for_another_reason_does_not_pass_a_limit(rehearse: Rehearse) -> None:
    """Who confirmed one webhook of four hundred was not shown how many they are."""
    async with rehearse(max_deletions_per_day=1) as it:
        assert (await it.run(await it.ask(org_id="311")))["deleted"] is True
        receipt = await it.event(confirm_delete=False)
        deletion_id = str(receipt.deletion_id)
        assert (await it.advance(deletion_id)).state == "awaiting_approval"
        await approve(it, deletion_id)
        deletion = await it.advance(deletion_id)
        assert deletion.state == "awaiting_approval"
        assert deletion.asked is not None
        assert deletion.asked.why == "limit"
        await approve(it, deletion_id)
        assert (await it.run(deletion_id))["deleted"] is True


async def test_a_call_that_was_not_answered_is_never_held(rehearse: Rehearse) -> None:
    """Its place in the window may be gone by then; only looking ends it."""
    policy = {"max_deletions_per_day": 1, "resend_after": "30h", "verify_window": "60h"}
    async with rehearse("drop-before:1", **policy) as it:
        deletion_id = await it.ask(org_id="301")
        assert (await it.advance(deletion_id)).intent.unanswered
        it.clock.forward(hours=25)
        assert (await it.run(await it.ask(org_id="311")))["deleted"] is True
        states = set()
        deletion = await it.ledger.deletions.get(deletion_id)
        while not deletion.terminal:
            it.clock.now = max(deletion.ready_at, it.clock() + timedelta(seconds=1))
            deletion = await it.advance(deletion_id)
            states.add(deletion.state)
        assert "awaiting_approval" not in states
        why = [
            each["why"]
            for each in (await it.ledger.views.of(deletion_id)).journal
            if each["entry"] == "not_begun"
        ]
        assert why
        assert set(why) == {"limit"}


# -- the share, and the daily read ---------------------------------------------------------------


async def test_a_share_is_of_what_the_account_holds(rehearse: Rehearse) -> None:
    """The account has 20 organizations: six per cent of it are one a day."""
    async with rehearse(max_share_of_organizations=0.06) as it:
        assert await it.ledger.account.organizations(it.clock()) is None
        assert (await it.run(await it.ask(org_id="301")))["deleted"] is True
        assert await it.ledger.account.organizations(it.clock()) == 20
        assert "max_share" in (await limited(it, "311"))
        it.clock.forward(days=1)
        assert (await it.run(await it.ask(org_id="311")))["deleted"] is True


async def test_share_of_unknown_holds(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rehearse(max_share_of_organizations=1.0) as it:

        async def says_nothing() -> None:
            return None

        monkeypatch.setattr(it.context.itglue, "control", says_nothing)
        assert "max_share" in (await limited(it, "301"))
        assert await it.deletes() == []


async def test_what_was_remembered_grows_old(ledger: Ledger, clock: TestClock) -> None:
    await ledger.account.remember(130, clock())
    clock.forward(days=2)
    assert await ledger.account.organizations(clock()) == 130
    clock.forward(seconds=1)
    assert await ledger.account.organizations(clock()) is None


async def limited(it: Rehearsal, org_id: str) -> str:
    """Which limit stops a deletion."""
    deletion_id = await it.ask(org_id=org_id)
    await it.advance(deletion_id)
    journal = (await it.ledger.views.of(deletion_id)).journal
    (line,) = [each for each in journal if each["entry"] == "not_begun"]
    assert line["why"] == "limit"
    return str(line["limit"])
