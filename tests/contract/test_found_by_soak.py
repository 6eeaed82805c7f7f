"""Sequences that the stateful test found to be wrong, each as short as it could be made."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from tests.support.stateful.job import Order, Stop
from tests.support.stateful.rehearsal import Rehearsal, rehearsing


@pytest.fixture
def it(valkey_url: str, tmp_path: Path) -> Iterator[Rehearsal]:
    with redis.Redis.from_url(valkey_url) as server, rehearsing(server, tmp_path) as rehearsal:
        yield rehearsal


@pytest.mark.parametrize("point", ["begin_delete:after", "budget:before", "budget:after"])
def test_a_worker_held_up_after_its_permission_does_not_send(it: Rehearsal, point: str) -> None:
    job = it.work(it.ask(org_id="301"), Stop(point))
    it.kill(job)
    it.finish()
    assert it.watch.calls == 1


@pytest.mark.parametrize("policy", [{"mode": "preview"}, {"mode": "soft_delete"}, {"export": True}])
def test_a_policy_changed_since_the_plan_is_kept(it: Rehearsal, policy: dict[str, object]) -> None:
    deletion_id = it.ask(org_id="301")
    it.pause(paused=True)
    it.work(deletion_id)
    it.reconfigure(**policy)
    it.pause(paused=False)
    it.forward(seconds=16)
    it.work(deletion_id)
    it.check()
    it.finish()


@pytest.mark.parametrize("policy", [{}, {"mode": "soft_delete", "soft_delete_status": "Active"}])
def test_what_another_one_deleted_since_the_plan_is_left(
    it: Rehearsal, policy: dict[str, object]
) -> None:
    """It was still shown right before the call, for IT Glue deletes some time after its answer."""
    first = it.ask(org_id="311")
    it.work(first)
    it.reconfigure(**policy)
    second = it.ask(org_id="311")
    it.forward(seconds=1)
    held_up = it.work(second, Stop(f"show@{it.settings.policy.mode}:after"))
    it.forward(seconds=1)
    it.work(first)
    assert it.books.deletion(first).state == "deleted"
    it.resume(held_up)
    it.check()
    it.finish()
    assert it.watch.calls == 1
    assert it.books.deletion(second).state == "failed"


def test_one_deletion_never_acts_on_two_organizations(it: Rehearsal) -> None:
    deletion_id = it.ask(org_name="TestCompany")
    it.account.fault("drop-before:1")
    it.work(deletion_id)
    it.account.edit(301, name="Another Name")
    it.account.edit(311, name="TestCompany")
    it.forward(minutes=11)
    it.everything_due()
    it.check()
    it.finish()
    assert it.account.exists(311)


def test_a_call_that_may_have_worked_is_not_reported_as_a_preview(it: Rehearsal) -> None:
    deletion_id = it.ask(org_id="301")
    it.account.fault("timeout=60@DELETE:1")
    it.account.fault("lag=1500")
    it.work(deletion_id)
    it.reconfigure(mode="preview")
    it.finish()
    assert it.books.deletion(deletion_id).state != "previewed"


def test_an_export_that_was_cleared_away_is_made_again(it: Rehearsal) -> None:
    it.reconfigure(export=True)
    first = it.ask(org_id="301")
    it.pause(paused=True)
    it.work(first)
    it.forward(seconds=3)
    it.work(first)
    it.check()
    exported = it.check()[first].export
    assert exported is not None
    assert exported.file is not None
    Path(exported.file).unlink()
    it.pause(paused=False)
    it.forward(seconds=16)
    it.work(first)
    it.check()
    it.finish()


def test_an_event_proved_late_is_as_old_as_its_arrival(it: Rehearsal) -> None:
    it.vendor.out_of_reach = True
    it.event(company="2")
    it.forward(minutes=1)
    it.vendor.out_of_reach = False
    it.event(company="2", active=True)
    it.forward(minutes=1)
    it.prove_what_waits()
    it.check()
    it.finish()
    assert it.account.exists(301)


def test_a_delivery_whose_proof_was_interrupted_leaves_the_quarantine(it: Rehearsal) -> None:
    it.vendor.out_of_reach = True
    it.event(company="2")
    it.forward(minutes=1)
    it.vendor.out_of_reach = False
    it.prove_what_waits(Order.LOSE)
    it.finish()
    assert it.prove_what_waits() == 0


def test_a_refused_repetition_says_nothing_of_the_first_call(it: Rehearsal) -> None:
    deletion_id = it.ask(org_id="301")
    it.account.fault("timeout=60@DELETE:1")
    it.account.fault("lag=1500")
    it.work(deletion_id)
    it.forward(seconds=61)
    it.account.fault("refuse-synced")
    it.forward(minutes=11)
    it.everything_due()
    it.forward(seconds=3)
    it.everything_due()
    it.account.calm()
    other = it.ask(org_id="301")
    it.work(other)
    it.check()
    it.finish()
    assert not it.account.exists(301)
    assert it.books.deletion(deletion_id).state == "deleted"


@pytest.mark.parametrize("point", ["PATCH:before", "PATCH:after"])
def test_a_soft_deletion_whose_worker_died_is_made_again(it: Rehearsal, point: str) -> None:
    it.reconfigure(mode="soft_delete", soft_delete_status="Testing Only")
    deletion_id = it.ask(org_id="311")  # no PSA forbids it
    it.kill(it.work(deletion_id, Stop(point)))
    it.finish()
    assert it.books.deletion(deletion_id).state == "soft_deleted"


def test_a_soft_deletion_of_what_somebody_deleted_is_not_a_deletion(it: Rehearsal) -> None:
    it.reconfigure(mode="soft_delete", soft_delete_status="Testing Only")
    deletion_id = it.ask(org_id="301")
    it.kill(it.work(deletion_id, Stop("PATCH:before")))
    it.account.vanish(301)
    it.finish()
    assert it.books.deletion(deletion_id).state == "failed"


def test_a_status_that_may_have_been_set_is_set_again_by_the_next_deletion(it: Rehearsal) -> None:
    """Not wrong, but taken for it: the first one ended, and setting a status twice is harmless."""
    it.reconfigure(mode="soft_delete", soft_delete_status="Testing Only")
    first = it.ask(org_id="311")
    it.kill(it.work(first, Stop("begin_delete:after")))
    it.forward(seconds=119)
    it.ask(org_id="311")
    it.finish()
    assert [each.state for each in it.books.newest.values()] == ["soft_deleted"] * 2


def test_what_was_active_before_does_not_make_the_newest_word_older(it: Rehearsal) -> None:
    """Three events of a client are proved in another order than they came."""
    it.vendor.out_of_reach = True
    it.event(active=True, age=61)
    it.forward(seconds=20)
    it.event()
    it.forward(seconds=10)
    it.event(active=True, age=0.5)
    it.vendor.out_of_reach = False
    it.forward(minutes=1)
    for place, delivery_id in enumerate(("dlv_3", "dlv_1", "dlv_2")):
        due = it.clock() - timedelta(seconds=3 - place)
        it.loop.do(it.ledger.quarantine.later(delivery_id, due, "signing_key_unavailable"))
    assert it.prove_what_waits() == 3
    it.check()
    assert it.books.ids() == []


@pytest.mark.parametrize("cw", [{"vendor": "by_anything"}, None, {"confirm_delete": False}])
def test_one_event_is_one_deletion_whatever_its_source_was_meanwhile(
    it: Rehearsal, cw: dict[str, object] | None
) -> None:
    """What cannot be read as it came is not proved, though its key can be had again."""
    it.vendor.out_of_reach = True
    it.event(age=0)
    it.vendor.out_of_reach = False
    it.trust(cw=cw)
    it.forward(seconds=10)
    it.prove_what_waits(Order.REPEAT)
    it.trust()
    it.finish()
    it.redeliver(0)
    assert it.books.ids() == ["del_1"]


def test_a_ledger_that_is_lost_twice_lacks_what_came_between(it: Rehearsal) -> None:
    """Not wrong, but taken for it: who accepts it does so without that, too."""
    it.lose_ledger(copy=False)
    it.check()
    it.event(active=True, age=0)
    it.lose_ledger(copy=False)
    it.check()
    it.accept_ledger()
    it.named_event(active=False, org_id=301, name="TestCompany", age=0)
    it.finish()
    assert it.watch.calls == 1


def test_a_client_that_is_back_under_another_name_ends_a_no(it: Rehearsal) -> None:
    """Its own number says that it is the same, so a person is asked, and no no refuses."""
    made = it.named_event(active=False, source="nj", name="TestCompany", number="8")
    assert made is not None
    it.work(made)
    it.check()
    it.reject(made, by="bob")
    it.forward(seconds=1)
    it.named_event(active=True, source="nj", name="Paper Moon Cinema", number="8")
    asked = it.named_event(active=False, org_id=301, name="TestCompany", age=1)
    assert asked is not None
    it.work(asked)
    assert it.check()[asked].state == "awaiting_approval"
    it.approve(asked, by="bob", force=False, stale=False)
    it.finish()
    assert it.watch.calls == 1


def test_who_worked_on_it_before_it_was_replayed_comes_too_late(it: Rehearsal) -> None:
    deletion_id = it.ask(org_id="301")
    job = it.work(deletion_id, Stop("list:after"))
    it.cancel(deletion_id)
    it.forward(seconds=1)
    it.replay(deletion_id)
    it.resume(job, Order.LOSE)
    assert it.check()[deletion_id].state == "queued"
    it.finish()
    assert it.watch.calls == 1


def test_a_mode_that_was_milder_at_the_replay_is_kept(it: Rehearsal) -> None:
    """Not wrong, but taken for it: whoever replays says which mode is in force."""
    deletion_id = it.ask(org_name="Velvet Anchor Laundry")
    it.cancel(deletion_id)
    it.reconfigure(mode="soft_delete", soft_delete_status="Testing Only")
    it.replay(deletion_id)
    it.reconfigure()
    it.finish()
    assert it.account.exists(311)


def test_what_a_restored_copy_knows_overtakes_what_is_older(it: Rehearsal) -> None:
    """Not wrong, but taken for it: the judge thought that nothing was known any more."""
    made = it.event(age=0)
    assert made is not None
    it.keep_copy()
    it.cancel(made)
    it.lose_ledger(copy=True)
    it.check()
    it.event(active=True, age=7200)
    it.replay(made)
    it.check()
    it.finish()


def test_a_ledger_that_was_away_lacks_what_was_said_meanwhile(it: Rehearsal) -> None:
    it.event(age=1, org_name="TestCompany")
    it.check()
    it.keep_copy()
    it.lose_ledger(copy=False)
    it.check()
    it.event(active=True, age=0)
    it.lose_ledger(copy=True)
    it.check()
    it.everything_due()
    it.check()
    assert it.watch.calls == 0
    it.finish()


@pytest.mark.parametrize("policy", [{}, {"mode": "soft_delete"}])
def test_a_young_plan_is_not_carried_out_in_another_account(
    it: Rehearsal, policy: dict[str, object]
) -> None:
    """Both have an organization of this id, name and age."""
    it.reconfigure(**policy, soft_delete_status="Testing Only")
    deletion_id = it.ask(org_id="311")
    it.kill(it.work(deletion_id, Stop("begin_delete:before")))
    it.account.changed = True
    it.forward(seconds=20)
    it.everything_due()
    assert it.check()[deletion_id].state == "retrying"
    it.finish()
    assert it.watch.calls == 1


def test_what_a_lost_ledger_held_is_held_no_longer(it: Rehearsal) -> None:
    """Not wrong, but taken for it: who accepts it does so without what it did not understand."""
    it.event(company="2", garbled="status")
    it.lose_ledger(copy=False)
    it.accept_ledger()
    it.work(it.ask(org_id="301"))
    it.check()
    it.finish()
    assert it.watch.calls == 1


def test_a_word_without_a_time_does_not_make_a_signed_one_forgotten(it: Rehearsal) -> None:
    """What is active is older than it for certain, and does not end a person's no."""
    made = it.event(org_name="TestCompany")
    it.event(org_name="TestCompany", age=1)
    assert made is not None
    it.work(made)
    it.check()
    it.reject(made, by="alice")
    it.event(active=True, age=691200)
    it.forward(seconds=1)
    it.event(org_name="TestCompany", age=0)
    assert it.books.ids() == [made]


def test_a_copy_that_lacks_nothing_is_the_ledger_whatever_account_answers(it: Rehearsal) -> None:
    """Not wrong, but taken for it: who sees to the account has no ledger to accept."""
    it.account.changed = True
    it.ask(org_id="311")
    it.keep_copy()
    it.lose_ledger(copy=True)
    it.finish()
    assert it.watch.calls == 1


def test_an_older_word_does_not_end_a_no_that_a_newer_one_met(it: Rehearsal) -> None:
    """The newer one was ignored because of the no, and still says when the client was inactive."""
    made = it.event(age=0)
    assert made is not None
    it.forward(seconds=60)
    it.cancel(made)
    it.event(age=0.5)
    it.event(active=True, age=3)
    it.event()
    it.check()
    assert it.books.ids() == [made]
    it.finish()


@pytest.mark.parametrize("replayed", [False, True])
def test_a_no_does_not_settle_which_of_two_words_was_the_later(
    it: Rehearsal, *, replayed: bool
) -> None:
    made = it.event(age=0)
    assert made is not None
    it.event(active=True, age=0)
    it.cancel(made)
    if replayed:
        it.replay(made)
        it.check()
        it.cancel(made)
    it.forward(seconds=31)
    asked = it.ask(org_name="TestCompany")
    it.work(asked)
    assert it.check()[asked].state == "awaiting_approval"
    assert it.watch.calls == 0


def test_a_rehearsal_that_is_cancelled_says_nothing_of_the_client(it: Rehearsal) -> None:
    made = it.event(dry_run=True)
    assert made is not None
    it.cancel(made)
    real = it.event(age=0, org_name="TestCompany")
    it.finish()
    assert real is not None
    assert it.watch.calls == 1


@pytest.mark.parametrize("asked_by", ["its own event", "somebody"])
def test_one_more_word_of_the_same_moment_is_shown_before_it_is_approved(
    it: Rehearsal, asked_by: str
) -> None:
    """What was approved is what the approver saw, though it is contested before and after."""
    it.event(active=True)
    made = it.event(org_name="TestCompany", age=0)
    assert made is not None
    asked = made if asked_by == "its own event" else it.ask(org_id="301", org_name="TestCompany")
    it.work(asked)
    assert it.check()[asked].state == "awaiting_approval"
    it.event(active=True, org_name="TestCompany", age=0)
    it.approve(asked, by="bob", force=False, stale=False)
    it.finish()
    assert it.watch.calls == 0


def test_what_is_proved_late_is_no_newer_than_when_it_came(it: Rehearsal) -> None:
    """So an inactive word after it is none that it makes stale."""
    first = it.event(age=0)
    it.vendor.out_of_reach = True
    it.event(active=True)
    it.vendor.out_of_reach = False
    it.forward(seconds=10)
    it.prove_what_waits()
    second = it.event(age=1)
    it.check()
    assert second not in (None, first)


@pytest.mark.parametrize("heard", ["signed", "signed in the same second", "proved late"])
def test_a_word_from_before_a_no_does_not_end_it(it: Rehearsal, heard: str) -> None:
    """It says that the client is active, to whoever else asks: the no ends with a newer one."""
    made = it.event()
    assert made is not None
    it.forward(seconds=1.5)
    if heard == "proved late":
        it.vendor.out_of_reach = True
        it.event(active=True)
        it.vendor.out_of_reach = False
    it.cancel(made)
    it.forward(seconds=10)
    if heard == "proved late":
        it.prove_what_waits()
    else:
        it.event(active=True, age=10.5 if heard == "signed in the same second" else 11)
    it.event(age=0)
    it.event()
    assert it.books.ids() == [made]
    asked = it.ask(org_id="301", org_name="TestCompany")
    it.work(asked)
    assert it.check()[asked].state == "awaiting_approval"
    it.event(active=True, age=0)
    it.forward(seconds=1)
    assert it.event(age=0) not in (None, made)


@pytest.mark.parametrize("unsigned", [False, True], ids=["signed", "an unsigned one, too"])
def test_a_late_word_that_is_newer_than_what_was_stopped_ends_a_no(
    it: Rehearsal, *, unsigned: bool
) -> None:
    """It was active again before the no, as is learned after it: what comes next is news."""
    made = it.event(age=60)
    assert made is not None
    if unsigned:
        it.forward(seconds=1)
        it.event()
    it.forward(seconds=10)
    it.cancel(made)
    it.event(active=True, age=5)
    it.forward(seconds=10)
    again = it.event(age=0)
    it.check()
    assert (again in (None, made)) == unsigned


def test_a_no_is_not_ended_by_what_is_said_under_another_name_of_the_client(it: Rehearsal) -> None:
    made = it.named_event(active=False, name="TestCompany")
    assert made is not None
    it.cancel(made)
    it.forward(seconds=1)
    other = it.named_event(active=False, org_id=301, name="TestCompany")
    assert other not in (None, made)
    assert it.named_event(active=False, name="TestCompany", force_delete=True) is None
    it.finish()
    assert it.watch.calls == 0
