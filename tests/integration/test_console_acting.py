"""The console's forms: they decide what the API would, for the same people."""

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from tests.support.approvals import DEPENDENCIES, NAME, awaiting
from tests.support.audit import audited
from tests.support.console import logged_in
from tests.support.service import Service, secret_key
from workers.ledger.ledger import Ledger
from workers.settings import Settings

DELIVERY = {"id": "dlv_1", "source": "cw", "vendor": "connectwise", "headers": "[]"}


SETTINGS = {
    "policy": {"export": False, "approval": "always", "grace_period": "48h"},
    "secret_keys": [secret_key("k")],
}


async def rejected(ledger: Ledger) -> None:
    event = {"kind": "rejected", "event_id": "e", "reason": "odd", "detail": "", "clients": []}
    await ledger.deliveries.receive(
        delivery=DELIVERY, body=b"{}", events=[event], now=datetime.now(UTC)
    )


async def test_approved_with_the_right_name_only(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    held = await awaiting(ledger, settings, DEPENDENCIES, assets=7)
    assert held.asked is not None
    carol, path = logged_in(service, "carol"), "/deletions/del_1/approve"
    form = {"seen": held.asked.seen, "force_delete": "yes", "reason": "they left"}
    wrong = carol.post(path, **form, name="Bäckerei")
    assert wrong.status_code == 422, wrong.text
    assert "not the organization" in wrong.text
    assert 'value="they left"' in wrong.text
    assert (await ledger.deletions.get("del_1")).granted is None
    right = carol.post(path, **form, name=NAME)
    assert (right.status_code, right.headers["location"]) == (303, "/deletions/del_1?said=approved")
    assert "Approved. The plan" in carol.get(right.headers["location"]).text
    granted = (await ledger.deletions.get("del_1")).granted
    assert granted is not None
    assert (granted.by, granted.reason, granted.force) == ("carol", "they left", True)
    assert [each["operator"] for each in await audited(redis, "approved")] == ["carol"]
    assert [each["why"] for each in await audited(redis, "approve_refused")] == ["name"]


async def test_what_is_shown_counts(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    page = logged_in(service, "carol").post("/deletions/del_1/approve", seen="other", name=NAME)
    assert page.status_code == 409
    assert "Nothing was changed" in page.text
    assert (await ledger.deletions.get("del_1")).granted is None


@pytest.mark.parametrize("operator", ["alice", "dave"])
async def test_who_asked_or_only_looks_cannot_approve(
    service: Service, ledger: Ledger, settings: Settings, operator: str
) -> None:
    held = await awaiting(ledger, settings)
    assert held.asked is not None
    page = logged_in(service, operator).post(
        "/deletions/del_1/approve", seen=held.asked.seen, name=NAME
    )
    assert page.status_code == 403
    assert (await ledger.deletions.get("del_1")).granted is None


async def test_rejected_with_a_reason(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    carol = logged_in(service, "carol")
    assert carol.post("/deletions/del_1/reject", reason=" ").status_code == 422
    assert carol.post("/deletions/del_1/reject", reason="they pay again").status_code == 303
    (error,) = (await ledger.deletions.get("del_1")).errors
    assert error.message == "rejected by operator carol: they pay again"
    assert "they pay again" in carol.get("/deletions/del_1").text


async def test_cancelled_then_replayed_with_the_name_once(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    await awaiting(ledger, settings)
    alice = logged_in(service, "alice")
    assert logged_in(service, "dave").post("/deletions/del_1/cancel").status_code == 403
    assert alice.post("/deletions/del_1/cancel").status_code == 303
    assert (await ledger.deletions.get("del_1")).state == "cancelled"
    # Said again, it is the same cancellation.
    assert alice.post("/deletions/del_1/cancel").status_code == 303
    path = "/deletions/del_1/replay"
    shown = {"generation": "1", "mode": settings.policy.mode}
    assert alice.post(path, name="another", once="1", **shown).status_code == 422
    assert logged_in(service, "carol").post(path, name=NAME, once="1").status_code == 403
    assert (await ledger.deletions.get("del_1")).generation == 1
    for moved in ({"generation": "2"}, {"mode": "preview"}, {"generation": ""}, {"mode": ""}):
        assert alice.post(path, name=NAME, once="2", **{**shown, **moved}).status_code == 409
    for _ in range(2):
        assert alice.post(path, name=NAME, once="1", **shown).status_code == 303
    deletion = await ledger.deletions.get("del_1")
    assert (deletion.generation, deletion.replayed_by) == (2, "alice")
    assert len(await audited(redis, "replayed")) == 1


async def test_a_delivery_is_dismissed(service: Service, ledger: Ledger, redis: Redis) -> None:
    await rejected(ledger)
    alice = logged_in(service, "alice")
    assert alice.post("/deliveries/dlv_1/dismiss", reason="").status_code == 422
    assert logged_in(service, "dave").post(
        "/deliveries/dlv_1/dismiss", reason="x"
    ).status_code == 403  # fmt: skip
    for _ in range(2):
        sent = alice.post("/deliveries/dlv_1/replay", once="1-dlv_1")
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            "/deliveries/dlv_1?said=replayed",
        )
    (replay,) = await ledger.replays.newest(5)
    assert (replay.what, replay.by, replay.total) == ("deliveries", "alice", 1)
    assert alice.post("/deliveries/dlv_1/dismiss", reason="a test").status_code == 303
    dismissed = (await ledger.deliveries.get("dlv_1")).dismissed
    assert dismissed is not None
    assert (dismissed.by, dismissed.reason) == ("alice", "a test")
    assert alice.post("/deliveries/dlv_1/dismiss", reason="again").status_code == 303
    assert [each["operator"] for each in await audited(redis, "dismissed")] == ["alice"]


async def test_paused_by_any_role_and_resumed_by_admins(service: Service, ledger: Ledger) -> None:
    carol, alice = logged_in(service, "carol"), logged_in(service, "alice")
    assert logged_in(service, "dave").post("/pause", reason="x").status_code == 403
    assert carol.post("/pause", reason="too many").headers["location"] == "/?said=paused"
    (pause,) = await ledger.stop_switch.pauses()
    assert (pause.by, pause.reason) == ("carol", "too many")
    assert carol.post("/pause/end", reason="x").status_code == 403
    assert alice.post("/pause/end", reason="looked").headers["location"] == "/?said=resumed"
    assert await ledger.stop_switch.pauses() == ()


async def test_an_organization_is_protected(service: Service, ledger: Ledger) -> None:
    alice = logged_in(service, "alice")
    assert alice.post("/protected", org_id="301x", reason="x").status_code == 422
    assert alice.post("/protected", org_id="301", reason="they stay").status_code == 303
    (held,) = await ledger.protections.all()
    assert (held.org_id, held.by, held.reason) == ("301", "alice", "they stay")
    assert "they stay" in alice.get("/protected").text


@pytest.mark.usefixtures("redis")
async def test_what_does_not_exist_is_a_page(service: Service) -> None:
    alice = logged_in(service, "alice")
    for path in (
        "/deletions/del_x/cancel",
        "/deliveries/dlv_x/replay",
        "/deliveries/dlv_x/dismiss",
    ):
        page = alice.post(path, reason="x")
        assert page.status_code == 404
        assert "There is nothing here" in page.text
    assert alice.http.put("/deletions").status_code == 405
    assert alice.post("/results/nonsense/send-again").status_code == 422
