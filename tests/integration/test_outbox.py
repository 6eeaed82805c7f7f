"""The outbox: attempts over real connections, and what becomes of a callback after each."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from tests.support.clock import TestClock
from tests.support.deletions import ended
from tests.support.ledgers import notice_kinds
from tests.support.receiver import Receiver, receiving, reply
from tests.support.sending import send
from workers.ledger.bulk.sweeps import End, Progress
from workers.ledger.deleting.deletions import Change
from workers.ledger.deleting.refusals import ReplayRefused
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.outbox.outgoing import Means
from workers.pipeline.result import result_of
from workers.settings import Settings

SECRETS = tuple("whsec_" + b64encode(bytes([number]) * 32).decode() for number in (1, 2))
CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "keyserver" / "keys.example.test.pem"
QUICK = 0.3


@dataclass
class Outbox:
    """One ended deletion and its callback, with the clock in the test's hand."""

    ledger: Ledger
    clock: TestClock
    means: Means

    async def ended(self, url: str, deletion_id: str = "del_1") -> None:
        """A deletion that failed, whose result goes to this URL."""
        error = ErrorEntry("OrganizationNotFound", "Smith & Söhne is not there", "…")
        await ended(self.ledger, deletion_id, self.clock(), errors=[error], url=url)

    async def attempt(self, callback_id: str = "cb_1_1") -> dict[str, str]:
        """What a sender does with the callback; the callback afterwards."""
        await send(callback_id, self.means)
        return await self.state(callback_id)

    async def state(self, callback_id: str = "cb_1_1") -> dict[str, str]:
        return await self.ledger.store.hash("callback", callback_id)

    async def journal(self, deletion_id: str = "del_1") -> list[dict[str, Any]]:
        entries = (await self.ledger.views.of(deletion_id)).journal
        return [entry for entry in entries if entry["entry"] == "callback"]

    async def replay(self, deletion_id: str = "del_1") -> None:
        """A person begins the deletion anew."""
        await self.ledger.deletions.replay(
            deletion_id, operator="bob", token=f"t{self.clock()}", overrule=True, now=self.clock(),
            callback_url=(await self.ledger.deletions.get(deletion_id)).callback_url,
        )  # fmt: skip

    async def due_in(self) -> float | None:
        """Seconds until the callback is due, `None` if it never is."""
        score = await self.ledger.store.redis.zscore("unglue:callbacks:due", "cb_1_1")
        return None if score is None else score / 1000 - self.clock().timestamp()


def outbox(ledger: Ledger, clock: TestClock, **callback: Any) -> Outbox:
    table = {"secrets": SECRETS, "allow_private_networks": True, **callback}
    settings = Settings(itglue={"api_key": "ITG.test"}, callback=table)
    means = Means(ledger, settings, clock, Random(7))  # noqa: S311 - jitter
    return Outbox(ledger, clock, means)


@pytest.fixture
def box(ledger: Ledger, clock: TestClock) -> Outbox:
    return outbox(ledger, clock)


async def test_a_result_is_delivered(box: Outbox, receiver: Receiver) -> None:
    await box.ended(receiver.url)
    assert [each.id for each in await box.ledger.callbacks.due(box.clock())] == ["cb_1_1"]
    callback = await box.attempt()

    (request,) = receiver.received
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert json.loads(request.body) == result_of(await box.ledger.deletions.get("del_1"))
    assert request.headers["webhook-timestamp"] == str(int(box.clock().timestamp()))
    assert (callback["state"], callback["attempts"], callback["last_status"]) == (
        "delivered",
        "1",
        "204",
    )
    assert await box.due_in() is None
    (line,) = await box.journal()
    assert {name: line[name] for name in ("webhook_id", "attempt", "status", "state")} == {
        "webhook_id": request.headers["webhook-id"],
        "attempt": 1,
        "status": 204,
        "state": "delivered",
    }


async def test_every_secret_signs(
    ledger: Ledger, clock: TestClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = outbox(ledger, clock)
    await box.ended(receiver.url)
    await box.attempt()
    (request,) = receiver.received
    # The library compares with the machine's clock, and the test's stands still.
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _self, _it: clock())
    for secret in SECRETS:
        Webhook(secret).verify(request.body, request.headers, json_parse=False)
    assert len(request.headers["webhook-signature"].split()) == len(SECRETS)
    one_each = [
        Webhook(secret).sign(request.headers["webhook-id"], clock(), request.body.decode())
        for secret in SECRETS
    ]
    assert request.headers["webhook-signature"].split() == one_each  # newest first
    stranger = "whsec_" + b64encode(bytes(32)).decode()
    for body, secret in ((request.body + b" ", SECRETS[0]), (request.body, stranger)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, request.headers, json_parse=False)


async def test_no_secret_no_result(ledger: Ledger, clock: TestClock, receiver: Receiver) -> None:
    box = outbox(ledger, clock, secrets=())
    await box.ended(receiver.url)
    callback = await box.attempt()
    assert receiver.received == []
    assert (callback["state"], callback["attempts"]) == ("pending", "1")
    assert "callback.secrets" in callback["last_answer"]


async def test_one_id_over_all_attempts(box: Outbox, receiver: Receiver) -> None:
    receiver.answers += [reply(500), reply(502), reply(200)]
    await box.ended(receiver.url)
    for _ in range(3):
        await box.attempt()
        box.clock.forward(hours=1)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.received}) == 3
    assert len({request.headers["webhook-signature"] for request in receiver.received}) == 3
    assert [line["state"] for line in await box.journal()] == ["pending", "pending", "delivered"]
    await box.ended(receiver.url, "del_2")
    await box.attempt("cb_2_1")
    assert receiver.received[3].headers["webhook-id"] != receiver.received[0].headers["webhook-id"]


async def test_the_whole_schedule(box: Outbox, receiver: Receiver) -> None:
    """Ten attempts, each at its time and not before; then it is dead-lettered."""
    receiver.answers += [reply(503, b"not now")] * 20
    await box.ended(receiver.url)
    waited = []
    for number in range(1, 11):
        assert (await box.attempt())["attempts"] == str(number)
        due_in = await box.due_in()
        if due_in is None:
            break
        waited.append(due_in)
        box.clock.now += timedelta(seconds=due_in - 0.01)
        assert (await box.attempt())["attempts"] == str(number)
        assert await box.ledger.callbacks.due(box.clock()) == []
        box.clock.forward(seconds=0.02)
        assert len(await box.ledger.callbacks.due(box.clock())) == 1
    schedule = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert [0.8 * it <= seen <= 1.2 * it for it, seen in zip(schedule, waited, strict=True)] == (
        [True] * 9
    )
    assert (await box.state())["state"] == "dead"
    assert len(receiver.received) == 10
    assert (await box.attempt())["attempts"] == "10"
    lines = await box.journal()
    assert [line["attempt"] for line in lines] == list(range(1, 11))
    assert (lines[-1]["state"], lines[-1]["why"]) == ("dead", "10 attempts failed")
    assert await notice_kinds(box.ledger) == ["failed", "callback_exhausted"]


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("retry-after: 90", 90, 90),
        ("retry-after: 99999999999999999999", 86400, 86400),
        ("retry-after: 1e300", 86400, 86400),
        ("retry-after: soon", 4, 6),
        ("retry-after: 1", 4, 6),
        (
            "date: Thu, 22 Jan 2026 10:30:00 GMT\r\nretry-after: Thu, 22 Jan 2026 10:40:00 GMT",
            600,
            600,
        ),
    ],
)
async def test_retry_after(
    box: Outbox, receiver: Receiver, header: str, least: float, most: float
) -> None:
    receiver.answers.append(reply(429, b"", header))
    await box.ended(receiver.url)
    await box.attempt()
    due_in = await box.due_in()
    assert due_in is not None
    assert least - 0.01 <= due_in <= most + 0.01


async def test_gone_stops_it(box: Outbox, receiver: Receiver) -> None:
    receiver.answers.append(reply(410))
    await box.ended(receiver.url)
    with capture_logs() as logs:
        assert (await box.attempt())["state"] == "stopped"
    (said,) = [each for each in logs if each["event"] == "not_delivered"]
    # The address may hold a secret.
    assert (said["to"][:10], said["status"], said["then"]) == ("127.0.0.1:", 410, "stopped")
    assert await box.due_in() is None
    assert (await box.attempt())["attempts"] == "1"


async def test_a_redirect_is_not_followed(box: Outbox, receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        receiver.answers.append(reply(302, b"", f"location: {elsewhere.url}"))
        await box.ended(receiver.url)
        callback = await box.attempt()
        assert (callback["state"], callback["last_status"]) == ("pending", "302")
        assert elsewhere.received == []


async def test_two_kilobytes_of_the_answer_are_kept(box: Outbox, receiver: Receiver) -> None:
    receiver.answers.append(reply(500, b"x" * 2000 + b"\xff" * 3000))
    await box.ended(receiver.url)
    callback = await box.attempt()
    assert callback["last_answer"] == "x" * 2000 + "\N{REPLACEMENT CHARACTER}" * 48
    assert (await box.journal())[0]["answer"] == callback["last_answer"]


async def test_a_callback_changes_nothing_of_the_deletion(box: Outbox, receiver: Receiver) -> None:
    receiver.answers.append(reply(500))
    await box.ended(receiver.url)
    before = await box.ledger.deletions.get("del_1")
    await box.attempt()
    assert await box.ledger.deletions.get("del_1") == before


async def test_two_workers_make_one_attempt(box: Outbox, receiver: Receiver) -> None:
    await box.ended(receiver.url)
    await asyncio.gather(box.attempt(), box.attempt(), box.attempt())
    assert len(receiver.received) == 1


async def test_an_attempt_whose_worker_died_is_made_again(box: Outbox, receiver: Receiver) -> None:
    await box.ended(receiver.url)
    held = await box.ledger.callbacks.lease("cb_1_1", box.clock())
    assert held is not None
    assert (await box.attempt())["attempts"] == "0"
    box.clock.forward(seconds=61)
    assert len(await box.ledger.callbacks.due(box.clock())) == 1
    receiver.answers.append(reply(500))
    assert (await box.attempt())["state"] == "pending"
    # The first worker comes back from the dead, and what it says counts no more.
    await box.ledger.callbacks.record(
        held,
        state="delivered",
        ready_at=box.clock(),
        status=200,
        answer="",
        line={"entry": "callback"},
        now=box.clock(),
    )
    callback = await box.state()
    assert (callback["state"], callback["attempts"]) == ("pending", "1")
    assert len(await box.journal()) == 1


async def test_without_a_url_there_is_no_callback(box: Outbox, redis: Redis) -> None:
    await box.ended("")
    assert await redis.exists("unglue:callbacks:due") == 0


async def test_a_sweeps_summary_is_delivered_signed(
    box: Outbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = box.clock()
    sweeps = box.ledger.sweeps
    await sweeps.begin("swp_1", "monthly", by="alice", preview=False, now=now)
    held = await sweeps.lease("swp_1", now)
    assert held is not None
    body = '{"type":"sweep.finished","timestamp":"…","data":{"met":3}}'
    end = End({"sweep_id": "swp_1"}, target=receiver.url, body=body)
    for _ in range(2):  # as a repeated command would
        sweep = await sweeps.record(held, Progress({"state": "finished"}, end=end), now)
        assert sweep.finished_at == now
    receiver.answers = [reply(503)]
    assert (await box.attempt())["state"] == "pending"
    box.clock.forward(seconds=10)
    assert (await box.attempt())["state"] == "delivered"

    first, second = receiver.received
    assert first.body == second.body == body.encode()
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "msg_1_1"
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _self, _it: box.clock())
    Webhook(SECRETS[0]).verify(second.body, second.headers, json_parse=False)
    assert await box.ledger.store.redis.exists("unglue:journal:") == 0


@pytest.mark.parametrize("answered", [410, 200, 503], ids=["stopped", "delivered", "dead"])
async def test_a_result_is_sent_again_anew(box: Outbox, receiver: Receiver, answered: int) -> None:
    receiver.answers += [reply(answered)] * 10
    await box.ended(receiver.url)
    while (await box.attempt())["state"] == "pending":
        box.clock.forward(days=2)
    before = len(receiver.received)
    receiver.answers.clear()
    callbacks = box.ledger.callbacks
    again = [
        await callbacks.replay(
            "cb_1_1", operator="bob", token="t", url=receiver.url, now=box.clock()
        )
        for _ in range(2)  # as a repeated command would
    ]
    assert again == ["cb_1_1_r1"] * 2
    with pytest.raises(ReplayRefused):
        await callbacks.replay("del_1", operator="b", token="u", url=receiver.url, now=box.clock())
    assert (await box.attempt("cb_1_1_r1"))["state"] == "delivered"
    first, last = receiver.received[0], receiver.received[-1]
    assert (len(receiver.received), last.body) == (before + 1, first.body)
    assert (first.headers["webhook-id"], last.headers["webhook-id"]) == ("msg_1_1", "msg_1_1_r1")
    # What became of the first stays readable, and the newest can be sent once more.
    assert (await box.ledger.views.of("del_1")).callbacks[1].state == "delivered"
    third = await callbacks.replay(
        "del_1", operator="b", token="v", url=receiver.url, now=box.clock()
    )
    assert third == "cb_1_1_r2"


async def test_each_generations_result_is_its_own(box: Outbox, receiver: Receiver) -> None:
    """The first, not yet delivered when the deletion began anew, still says what it was."""
    receiver.answers.append(reply(500))
    await box.ended(receiver.url)
    assert (await box.attempt())["state"] == "pending"
    await box.replay()
    box.clock.forward(minutes=1)
    assert (await box.attempt())["state"] == "delivered"
    held = await box.ledger.deletions.lease("del_1", box.clock())
    assert held is not None
    await box.ledger.deletions.record(held, Change(state="previewed"), box.clock())
    assert (await box.attempt("cb_1_2"))["state"] == "delivered"
    first, second = [json.loads(each.body) for each in receiver.received[1:]]
    assert (first["details"]["state"], first["details"]["generation"]) == ("failed", 1)
    assert (second["details"]["state"], second["details"]["generation"]) == ("previewed", 2)
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert ids == ["msg_1_1", "msg_1_1", "msg_1_2"]


async def test_a_result_that_kills_its_workers_is_given_up(box: Outbox) -> None:
    await box.ended("https://rewst.example.com/hook")
    for _ in range(3):
        assert await box.ledger.callbacks.lease("cb_1_1", box.clock()) is not None
        box.clock.forward(seconds=61)
    assert await box.ledger.callbacks.lease("cb_1_1", box.clock()) is None
    assert ((await box.state())["state"], await box.due_in()) == ("dead", None)
    (line,) = await box.journal()
    assert (line["state"], "ended its worker" in line["why"]) == ("dead", True)
    assert await notice_kinds(box.ledger) == ["failed", "callback_exhausted"]


async def test_a_death_is_forgiven_after_an_attempt(box: Outbox, receiver: Receiver) -> None:
    receiver.answers += [reply(500)] * 9
    await box.ended(receiver.url)
    for _ in range(4):
        assert await box.ledger.callbacks.lease("cb_1_1", box.clock()) is not None
        box.clock.forward(seconds=61)
        assert (await box.attempt())["state"] == "pending"
        box.clock.forward(days=2)
    assert len(receiver.received) == 4
