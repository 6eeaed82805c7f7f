"""People are told: from the decision to the chat, by the outbox, each thing once, without loops."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from standardwebhooks import Webhook

from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.deletions import ended
from tests.support.receiver import Receiver, receiving, reply
from tests.support.sending import send
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry, encode_errors
from workers.outbox.notify import fan_out
from workers.outbox.outgoing import Means
from workers.settings import Settings
from workers.upkeep.silence import tell_of_silent_sources

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@dataclass
class Chat:
    """An installation that tells people; the test is scheduler and worker."""

    ledger: Ledger
    clock: TestClock
    means: Means

    def to(self, **targets: Mapping[str, Any]) -> None:
        """Configure these targets, on loopback."""
        tables = {
            name: {"format": "json", "allow_private_networks": True, **table}
            for name, table in targets.items()
        }
        source = {"vendor": "standard", "secrets": ["whsec_" + "A" * 32], "silence_days": 2}
        settings = Settings(
            itglue={"api_key": "ITG.test"},
            callback={"secrets": [SECRET], "allow_private_networks": True},
            notifications=tables,
            sources={
                "rewst": source,
                "quiet": {**source, "secrets": ["whsec_" + "B" * 32], "silence_days": 0},
            },
        )
        self.means = replace(self.means, settings=settings)

    async def notices(self) -> list[dict[str, Any]]:
        """The notices that are due, as they were written."""
        due = self.ledger.store.key("notices", "due")
        names: Any = await self.ledger.store.redis.zrange(due, 0, -1)
        found = []
        for name in names:
            notice = await self.ledger.notices.get(name.decode())
            found.append({"id": notice.id, "kind": notice.kind, **notice.detail})
        return found

    async def hand_out(self) -> None:
        """What a sender does with notices."""
        for notice_id in await self.ledger.notices.due(self.clock()):
            await fan_out(notice_id, self.ledger, self.means.settings, self.clock())

    async def post(self) -> list[str]:
        """What a sender does with what is in the outbox; the ids of what was due."""
        due = [each.id for each in await self.ledger.callbacks.due(self.clock())]
        for entry in due:
            await send(entry, self.means)
        return due

    async def entry(self, entry_id: str) -> dict[str, str]:
        return await self.ledger.store.hash("callback", entry_id)

    async def journal(self, notice_id: str) -> list[dict[str, Any]]:
        store = self.ledger.store
        lines: Any = await store.redis.lrange(store.key("journal", notice_id), 0, -1)
        return [json.loads(line) for line in lines]

    async def audited(self) -> list[dict[str, Any]]:
        pending: Any = await self.ledger.store.redis.xrange(
            self.ledger.store.key("audit", "pending")
        )
        return [json.loads(fields[b"entry"]) for _, fields in pending]

    async def failed(
        self, code: str = "OrganizationNotFound", deletion_id: str = "del_1", url: str = ""
    ) -> None:
        """A deletion ends as failed."""
        request = DeletionRequest(org_name="Smith & <b>Söhne</b>", confirm_delete=True)
        error = ErrorEntry(code, 'it says "code": "DeletionUnverified" and \ud800', "…")
        now = self.clock()
        await ended(self.ledger, deletion_id, now, errors=[error], url=url, request=request)


@pytest.fixture
def chat(ledger: Ledger, clock: TestClock) -> Chat:
    settings = Settings(itglue={"api_key": "ITG.test"})
    means = Means(ledger, settings, clock, Random(7))  # noqa: S311 - jitter
    return Chat(ledger, clock, means)


# -- who is told ---------------------------------------------------------------------------------


async def test_a_failure_is_told_to_who_wants_it(chat: Chat, receiver: Receiver) -> None:
    chat.to(
        ops={"url": receiver.url, "secrets": [SECRET]},
        slack={"url": receiver.url, "format": "slack", "kinds": ["failed", "paused"]},
        teams={"url": receiver.url, "format": "teams", "kinds": ["failed"]},
        other={"url": receiver.url, "kinds": ["chain_broken"]},
    )
    await chat.failed()
    await chat.hand_out()
    assert sorted(await chat.post()) == ["ntf_1_ops", "ntf_1_slack", "ntf_1_teams"]
    (signed,) = [each for each in receiver.received if "webhook-id" in each.headers]
    content = json.loads(signed.body)
    assert (content["kind"], content["deletion_id"], content["id"]) == ("failed", "del_1", "ntc_1")
    assert {"label": "organization", "value": "Smith & <b>Söhne</b> (?)"} in content["facts"]
    expected = Webhook(SECRET).sign("msg_ntf_1_ops", chat.clock(), signed.body.decode())
    assert signed.headers["webhook-signature"] == expected
    others = [json.loads(each.body) for each in receiver.received if each is not signed]
    assert {next(iter(each)) for each in others} == {"text", "type"}
    assert await chat.post() == []
    assert (await chat.entry("ntf_1_slack"))["state"] == "delivered"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("DeletionUnverified", "unverified_deletion"), ("ITGlueConnectionError", "failed")],
)
async def test_an_unverified_deletion_is_told_so(chat: Chat, code: str, kind: str) -> None:
    """The errors hold a message that names the other code, and half a character."""
    await chat.failed(code)
    assert await chat.notices() == [{"id": "ntc_1", "kind": kind, "deletion_id": "del_1"}]


async def test_without_a_target_it_is_dropped_and_that_is_written_down(chat: Chat) -> None:
    await chat.failed()
    await chat.hand_out()
    assert await chat.notices() == []
    assert await chat.post() == []
    (dropped,) = [line for line in await chat.audited() if line["what"] == "notice_dropped"]
    assert (dropped["kind"], dropped["reason"]) == ("failed", "no_target")


async def test_a_target_gone_from_the_file_is_not_told(chat: Chat, receiver: Receiver) -> None:
    chat.to(ops={"url": receiver.url})
    await chat.failed()
    await chat.hand_out()
    chat.to()
    await chat.post()
    entry = await chat.entry("ntf_1_ops")
    assert (entry["state"], receiver.received) == ("stopped", [])
    assert "no longer configured" in entry["last_answer"]


# -- nothing lost, nothing doubled ---------------------------------------------------------------


async def test_handed_out_twice_it_is_sent_once(chat: Chat, receiver: Receiver) -> None:
    """The job died after its script, or was lost and doubled: one entry a target."""
    chat.to(ops={"url": receiver.url})
    await chat.failed()
    (notice_id,) = await chat.ledger.notices.due(chat.clock())
    for _ in range(3):
        await fan_out(notice_id, chat.ledger, chat.means.settings, chat.clock())
    await chat.post()
    await fan_out(notice_id, chat.ledger, chat.means.settings, chat.clock())
    assert await chat.post() == []
    assert len(receiver.received) == 1
    assert await chat.notices() == []


async def test_a_sender_that_died_early_left_it_due(chat: Chat, receiver: Receiver) -> None:
    chat.to(ops={"url": receiver.url})
    await chat.failed()
    assert len(await chat.ledger.notices.due(chat.clock())) == 1
    await chat.hand_out()
    assert await chat.ledger.notices.due(chat.clock()) == []
    await chat.post()
    assert len(receiver.received) == 1


async def test_the_outbox_is_the_same(chat: Chat, receiver: Receiver) -> None:
    """Retry-After, the schedule, 410, one id over all attempts, every attempt in the journal."""
    chat.to(ops={"url": receiver.url, "secrets": [SECRET]})
    receiver.answers += [reply(429, b"slow down", "retry-after: 90"), reply(500), reply(410)]
    await chat.failed()
    await chat.hand_out()
    await chat.post()
    chat.clock.forward(seconds=89)
    assert await chat.post() == []
    chat.clock.forward(seconds=2)
    assert await chat.post() == ["ntf_1_ops"]
    chat.clock.forward(minutes=7)
    assert await chat.post() == ["ntf_1_ops"]
    assert (await chat.entry("ntf_1_ops"))["state"] == "stopped"
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    lines = await chat.journal("ntc_1")
    assert [(line["attempt"], line["status"], line["state"]) for line in lines] == [
        (1, 429, "pending"),
        (2, 500, "pending"),
        (3, 410, "stopped"),
    ]
    assert lines[0]["answer"] == "slow down"


async def test_an_address_inside_is_not_called(chat: Chat, receiver: Receiver) -> None:
    url = f"https://localhost:{receiver.port}/"
    chat.to(ops={"url": url, "allow_private_networks": False})
    await chat.failed()
    await chat.hand_out()
    await chat.post()
    entry = await chat.entry("ntf_1_ops")
    assert (entry["state"], receiver.connections) == ("pending", 0)
    assert "notifications.ops.allow_private_networks" in entry["last_answer"]


async def test_nobody_is_told_that_nobody_could_be_told(chat: Chat, receiver: Receiver) -> None:
    """All attempts of a notification fail: an audit entry, and nobody else who could be told."""
    chat.to(ops={"url": receiver.url})
    receiver.answers += [reply(503)] * 20
    await chat.failed()
    await chat.hand_out()
    for _ in range(12):
        await chat.post()
        chat.clock.forward(hours=30)
    assert (await chat.entry("ntf_1_ops"))["state"] == "dead"
    assert len(receiver.received) == 10
    (notice,) = await chat.notices()
    assert (notice["kind"], notice["target"], notice["status"]) == ("target_failing", "ops", 503)
    await chat.hand_out()
    assert await chat.post() == []
    (line,) = [line for line in await chat.audited() if line["what"] == "notification"]
    assert (line["notice_id"], line["target"], line["kind"]) == ("ntc_1", "ops", "failed")
    assert (line["state"], line["attempts"], line["status"]) == ("dead", 10, 503)


async def test_the_others_are_told_that_a_target_fails(chat: Chat, receiver: Receiver) -> None:
    """Whatever else they want to hear of, once a day; and `doctor` says it until it works."""
    async with receiving() as other:
        chat.to(ops={"url": receiver.url}, chat={"url": other.url, "kinds": ["paused"]})
        receiver.answers += [reply(404)] * 3
        await chat.failed()
        for _ in range(4):
            await chat.hand_out()
            await chat.post()
            assert await chat.ledger.hosts.failing_targets() == (
                {"ops": 404} if len(receiver.received) < 4 else {}
            )
            chat.clock.forward(hours=1)
    (told,) = [json.loads(request.body) for request in other.received]
    assert told["kind"] == "target_failing"
    assert {"label": "target", "value": "ops"} in told["facts"]
    assert len(receiver.received) == 4


# -- what is told --------------------------------------------------------------------------------


async def test_an_exhausted_callback_is_told(chat: Chat, receiver: Receiver) -> None:
    chat.to(ops={"url": receiver.url, "kinds": ["callback_exhausted"]})
    await chat.failed(url="http://127.0.0.1:1/")
    for _ in range(12):
        await chat.hand_out()
        await chat.post()
        chat.clock.forward(hours=30)
    (told,) = [json.loads(request.body) for request in receiver.received]
    assert (told["kind"], told["deletion_id"]) == ("callback_exhausted", "del_1")
    assert {"label": "callback id", "value": "cb_1_1"} in told["facts"]


async def receive(chat: Chat, nth: int, source: str = "at", **event: Any) -> None:
    cancelled = encode_errors((ErrorEntry("Cancelled", "active again", ""),))
    await chat.ledger.deliveries.receive(
        delivery={"id": f"dlv_{nth}", "source": source, "vendor": "autotask", "headers": "[]"},
        body=b"{}",
        events=[{"event_id": f"e{nth}", "cancelled": cancelled, **event}],
        now=chat.clock(),
    )


async def test_a_switched_off_webhook_is_told_once_an_hour(chat: Chat) -> None:
    for number in range(5):
        off = {"kind": "ignored", "reason": "webhook_deactivated", "alert": "switched off"}
        await receive(chat, number, **off)
    await receive(chat, 9, "ninja", kind="ignored", reason="webhook_changed", alert="somebody did")
    assert [(notice["kind"], notice["says"]) for notice in await chat.notices()] == [
        ("source_deactivated", "switched off"),
        ("source_alert", "somebody did"),
    ]


async def test_a_gap_is_told_even_where_the_event_has_an_alert(chat: Chat) -> None:
    await receive(chat, 1, kind="ignored", reason="other", counter="w", number=1)
    await receive(
        chat, 2, kind="ignored", reason="webhook_deactivated", alert="off", counter="w", number=5
    )
    notices = await chat.notices()
    assert [notice["kind"] for notice in notices] == ["sequence_gap", "source_deactivated"]
    assert notices[0]["missing"] == 3


async def test_a_client_that_comes_back_too_late_is_told(chat: Chat) -> None:
    request = DeletionRequest(org_id="5", confirm_delete=True).model_dump_json()
    asked = {"kind": "request", "client": "2", "request": request, "actor": "", "callback_url": ""}
    await receive(chat, 1, **asked, deletion_id="del_1", arrived_at=0)
    name = chat.ledger.store.key("deletion", "del_1")
    await chat.ledger.store.redis.hset(
        name, mapping={"intent_state": "open", "intent_kind": "delete"}
    )
    chat.clock.forward(minutes=1)
    await receive(chat, 2, kind="reactivated", client="2")
    (notice,) = await chat.notices()
    assert (notice["kind"], notice["client"], notice["deletion_id"]) == (
        "reactivated_after_call",
        "2",
        "del_1",
    )


async def test_a_deleted_client_that_is_active_again_is_told(chat: Chat) -> None:
    register = chat.ledger.store.key("register", "at", "2")
    await chat.ledger.store.redis.hset(
        register, mapping={"state": "deleted", "deletion_id": "del_7", "epoch": "0"}
    )
    await receive(chat, 1, kind="reactivated", client="2")
    chat.clock.forward(minutes=1)
    await receive(chat, 2, kind="reactivated", client="2")
    (notice,) = await chat.notices()
    assert (notice["kind"], notice["deletion_id"]) == ("reactivated_after_deletion", "del_7")


async def test_an_organization_that_came_back_is_told_once(chat: Chat) -> None:
    await chat.ledger.store.redis.zadd(chat.ledger.store.key("aftercare", "due"), {"del_1": 1})
    for _ in range(2):
        line = {"entry": "recreated", "org_ids": ["9"]}
        await chat.ledger.deletions.looked_back("del_1", line, chat.clock(), recreated=["9"])
    (notice,) = await chat.notices()
    assert (notice["kind"], notice["org_ids"]) == ("recreated", ["9"])
    assert len(await chat.journal("del_1")) == 1


async def test_silence_is_told_once_a_day_and_where_it_is_one(chat: Chat) -> None:
    chat.to()
    settings = chat.means.settings
    await tell_of_silent_sources(settings, chat.ledger, chat.clock())
    assert await chat.notices() == []
    chat.clock.forward(days=2, seconds=1)
    for _ in range(3):
        await tell_of_silent_sources(settings, chat.ledger, chat.clock())
    (notice,) = await chat.notices()
    assert (notice["kind"], notice["source"], notice["last_delivery"]) == (
        "source_silent",
        "rewst",
        "never",
    )
    told = chat.ledger.store.key("told", "source_silent", "rewst")
    assert 0 < await chat.ledger.store.redis.pttl(told) <= 24 * 3600 * 1000


async def test_a_source_that_speaks_is_not_told_of(chat: Chat) -> None:
    chat.to()
    await tell_of_silent_sources(chat.means.settings, chat.ledger, chat.clock())
    chat.clock.forward(days=3)
    await receive(chat, 1, "rewst", kind="ignored", reason="other")
    await tell_of_silent_sources(chat.means.settings, chat.ledger, chat.clock())
    assert await chat.notices() == []


async def test_a_flood_is_told_as_one(chat: Chat) -> None:
    for number in range(50):
        await chat.failed(deletion_id=f"del_{number}")
    notices = await chat.notices()
    assert len(notices) == 31
    assert [notice for notice in notices if "more" in notice] == [
        {"id": "ntc_31", "kind": "failed", "more": True}
    ]
    chat.clock.forward(hours=1)
    await chat.failed(deletion_id="del_last")
    assert len(await chat.notices()) == 32


async def test_what_needs_no_approval_is_not_asked_for(chat: Chat, receiver: Receiver) -> None:
    chat.to(ops={"url": receiver.url, "kinds": ["approval_wanted"]})
    await chat.failed()
    await chat.ledger.notices.write("approval_wanted", {"deletion_id": "del_1"}, chat.clock())
    await chat.hand_out()
    await chat.post()
    assert receiver.received == []
    assert (await chat.entry("ntf_2_ops"))["state"] == "stopped"


async def test_no_link_to_approve_is_stored(chat: Chat, receiver: Receiver) -> None:
    chat.to(ops={"url": receiver.url})
    detail = {"deletion_id": "del_unknown", "expires_at": "2026-12-01T00:00:00Z"}
    await chat.ledger.notices.write("approval_wanted", detail, chat.clock())
    await chat.hand_out()
    assert "http" not in "".join((await chat.entry("ntf_1_ops")).values())
    assert "http" not in str(await chat.ledger.store.hash("notice", "ntc_1"))
    await chat.post()
    (request,) = receiver.received
    assert {"label": "expires at", "value": "2026-12-01T00:00:00Z"} in json.loads(request.body)[
        "facts"
    ]


async def test_a_repeated_command_is_one_notice(chat: Chat) -> None:
    """A script whose answer was lost is run again by the Redis client with the same arguments."""
    arguments = [int(chat.clock().timestamp() * 1000), "paused", "{}", "token", 60_000]
    first, second = [await chat.ledger.store.run("notice", *arguments) for _ in range(2)]
    assert first == second == b"ntc_1"
    assert len(await chat.notices()) == 1


async def test_an_entry_whose_record_is_gone_is_not_due_for_ever(chat: Chat) -> None:
    due = chat.ledger.store.key("callbacks", "due")
    await chat.ledger.store.redis.zadd(due, {"ntf_9_ops": 1})
    chat.to()
    await chat.post()
    assert await chat.ledger.store.redis.zcard(due) == 0
    assert await chat.ledger.store.hash("callback", "ntf_9_ops") == {}
