"""Forms that reach far: many at once, the end of a protection, a ledger that is accepted."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from adapters.models import DeletionRequest
from service.console.deletions import Search
from service.sandbox.seed import EXAMPLE_CLIENT
from tests.support.approvals import awaiting
from tests.support.audit import audited
from tests.support.console import Browser, logged_in
from tests.support.deletions import ended
from tests.support.sandbox import running_sandbox
from tests.support.service import Service, configured, secret_key
from workers.ledger.installation.account import AccountChanged
from workers.ledger.ledger import Ledger
from workers.ledger.listing import Listing, Page
from workers.settings import Settings

ORG = str(EXAMPLE_CLIENT)


@pytest.fixture(scope="module")
def settings(valkey_url: str) -> Iterator[Settings]:
    with running_sandbox() as url:
        yield configured(
            valkey_url, secret_keys=[secret_key("k")], policy={"approval": "always"},
            itglue={"api_key": "ITG.sandbox", "base_url": url, "requests_per_5_minutes": 400},
        )  # fmt: skip


async def failed(ledger: Ledger, number: int, name: str = "") -> None:
    request = DeletionRequest(org_name=name or f"Client {number}", confirm_delete=True)
    url = "https://rewst.example.com/hook"
    await ended(ledger, f"del_{number}", datetime.now(UTC), request=request, url=url)


def form_of(browser: Browser, path: str, action: str) -> dict[str, str]:
    """The hidden fields of a form as a page gives them out."""
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    (form,) = re.findall(
        rf'<form method="post" action="{action}".*?</form>', answer.text, re.DOTALL
    )
    fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in fields}


async def test_many_are_counted_and_replayed_as_counted(service: Service, ledger: Ledger) -> None:
    for number in (1, 2, 3):
        await failed(ledger, number)
    alice = logged_in(service, "alice")
    where = "/replays?what=deletions&state=failed&source=api"
    page = alice.get(where).text
    assert "3 deletions would be replayed" in page
    assert "Client 2" in page
    form = form_of(alice, where, "/replays")
    wrong = alice.http.post("/replays", data={**form, "number": "2"})
    assert wrong.status_code == 422
    assert "Nothing was replayed" in wrong.text
    assert "3 deletions would be replayed" in wrong.text
    assert await ledger.replays.newest(5) == []
    for _ in range(2):
        sent = alice.http.post("/replays", data={**form, "number": "3"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/replays?said=begun")
    (replay,) = await ledger.replays.newest(5)
    assert (replay.by, replay.total, replay.named) == ("alice", 3, False)
    assert "0 of 3" in alice.get("/replays").text
    stopped = alice.post(f"/replays/{replay.id}/stop")
    assert stopped.headers["location"] == "/replays?said=stopped"
    assert (await ledger.replays.get(replay.id)).stopped_by == "alice"


async def test_only_counted_is_replayed(service: Service, ledger: Ledger, redis: Redis) -> None:
    await failed(ledger, 1)
    alice = logged_in(service, "alice")
    form = form_of(alice, "/replays?what=deletions&state=failed", "/replays")
    await failed(ledger, 2)
    # What came after the count is not in it; what went in the meantime makes it another one.
    await redis.hset("unglue:deletion:del_1", "state", "queued")
    await redis.zrem("unglue:deletions:failed", "del_1")
    moved = alice.http.post("/replays", data={**form, "number": "1"})
    assert moved.status_code == 409
    assert "Other records fit now" in moved.text
    assert await ledger.replays.newest(5) == []


@pytest.mark.usefixtures("redis")
async def test_who_may_not_replay_finds_no_form_and_is_refused(service: Service) -> None:
    carol = logged_in(service, "carol")
    assert "<form" not in carol.get("/replays").text.partition("<main")[2]
    assert carol.post("/replays", what="deletions", state="failed").status_code == 403
    assert carol.post("/replays/rpl_x/stop").status_code == 403
    alice = logged_in(service, "alice")
    assert alice.post("/replays/rpl_x/stop").status_code == 404
    for wrong in ("what=all", "what=deletions&state=gone", "what=deletions&since=x"):
        assert alice.get(f"/replays?{wrong}").status_code == 422


async def test_an_admin_ends_a_protection(service: Service, ledger: Ledger, redis: Redis) -> None:
    await ledger.protections.protect(ORG, datetime.now(UTC), how="api", by="bob", reason="pays")
    alice, carol = logged_in(service, "alice"), logged_in(service, "carol")
    assert f'href="/protected/{ORG}"' in alice.get("/protected").text
    assert f'href="/protected/{ORG}"' not in carol.get("/protected").text
    path = f"/protected/{ORG}/end"
    form = form_of(alice, f"/protected/{ORG}", path)
    assert "Example Client" in alice.get(f"/protected/{ORG}").text
    assert carol.post(path, name="Example Client", reason="x").status_code == 403
    assert alice.post(path, name="Example Client", reason="x").status_code == 403  # not its form
    wrong = alice.http.post(path, data={**form, "name": ORG, "reason": "they left"})
    assert wrong.status_code == 422
    assert "Nothing was changed" in wrong.text
    assert "Example Client" in wrong.text
    assert await ledger.protections.get(ORG) is not None
    right = alice.http.post(path, data={**form, "name": "Example Client", "reason": "they left"})
    assert (right.status_code, right.headers["location"]) == (303, "/protected?said=ended")
    assert await ledger.protections.get(ORG) is None
    (line,) = await audited(redis, "unprotected")
    assert (line["operator"], line["reason"]) == ("alice", "they left")
    assert alice.get(f"/protected/{ORG}").status_code == 404


async def test_without_a_name_the_id_is_typed(service: Service, ledger: Ledger) -> None:
    await ledger.protections.protect("4", datetime.now(UTC), how="api", by="bob", reason="x")
    alice = logged_in(service, "alice")
    form = form_of(alice, "/protected/4", "/protected/4/end")
    assert alice.http.post(
        "/protected/4/end", data={**form, "name": "5", "reason": "x"}
    ).status_code == 422  # fmt: skip
    assert alice.http.post(
        "/protected/4/end", data={**form, "name": "4", "reason": "x"}
    ).status_code == 303  # fmt: skip


async def test_a_lost_ledger_is_accepted(service: Service, ledger: Ledger, redis: Redis) -> None:
    await ledger.stop_switch.lose_ledger("it was emptied", datetime.now(UTC))
    alice = logged_in(service, "alice")
    assert 'name="accept_ledger"' in alice.get("/").text
    assert 'name="accept_account"' not in alice.get("/").text
    refused = alice.post("/pause/end", reason="go on")
    assert refused.status_code == 409
    assert "Nothing was changed" in refused.text
    assert await ledger.stop_switch.pauses()
    assert alice.post("/pause/end", reason="compared", accept_ledger="yes").status_code == 303
    assert await ledger.stop_switch.pauses() == ()
    (line,) = await audited(redis, "ledger_accepted")
    assert (line["operator"], line["reason"]) == ("alice", "compared")


async def test_accept_an_account_by_tick(service: Service, ledger: Ledger, redis: Redis) -> None:
    await ledger.account.recognise("77", datetime.now(UTC))
    with pytest.raises(AccountChanged):
        await ledger.account.recognise("78", datetime.now(UTC))
    alice = logged_in(service, "alice")
    assert 'name="accept_account"' in alice.get("/").text
    assert alice.post("/pause/end", reason="go on").status_code == 409
    assert alice.post("/pause/end", reason="moved", accept_account="yes").status_code == 303
    assert await redis.hget("unglue:account", "primary") == b"78"


async def test_the_budget_is_on_the_overview(service: Service, ledger: Ledger) -> None:
    now = datetime.now(UTC)
    for _ in range(3):
        await ledger.budget.take(now, limit=400, reserve=1, destructive=False)
    assert "397 <small>of 400</small>" in logged_in(service, "alice").get("/").text


async def test_each_attempt_is_told_with_its_answer(service: Service, ledger: Ledger) -> None:
    await failed(ledger, 1)
    now = datetime.now(UTC)
    for number, (state, status, said) in enumerate(
        [("pending", 500, "<b>down</b>"), ("pending", None, "no answer in time"), ("dead", 404, "")]
    ):
        held = await ledger.callbacks.lease("cb_1_1", now)
        assert held is not None
        line = {
            "entry": "callback", "webhook_id": "msg_1_1", "attempt": number + 1, "status": status,
            "state": state, "why": "", "answer": said,
        }  # fmt: skip
        await ledger.callbacks.record(
            held, state=state, ready_at=now, status=status, answer=said, line=line, now=now
        )
    alice = logged_in(service, "alice")
    assert 'href="/results/cb_1_1"' in alice.get("/results").text
    assert 'href="/results/cb_1_1"' in alice.get("/deletions/del_1").text
    page = alice.get("/results/cb_1_1").text
    for text in ("3 attempts", "&lt;b&gt;down", "no answer in time", ">404<", "Send it again"):
        assert text in page, text
    assert alice.get("/results/cb_none").status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("strasse", {"del_1"}), ("STRASSE", {"del_1"}), ('"quoted"', {"del_2"}),
        ("back\\slash", {"del_2"}), ("caf\u00e9", {"del_3"}), ("CAF\u00c9", {"del_3"}),
        ("plain", {"del_4"}), ("DEL_4", {"del_4"}), ("client", set()), ("org_name", set()),
    ],
)  # fmt: skip
async def test_a_search_reads_few_misses_none(ledger: Ledger, text: str, found: set[str]) -> None:
    names = ("Hauptstra\u00dfe 4", 'The "quoted" back\\slash', "Caf\u00e9 am Eck", "Plain Inc")
    for number, name in enumerate(names, start=1):
        await failed(ledger, number, name)
    listed = await ledger.listing.deletions(Page(100), Search(text=text).fits)
    assert {each.id for each in listed.records} == found


async def test_a_bounded_search_says_where_to_go_on(ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    for number in range(2, 9):
        await failed(ledger, number)
    short = Listing(ledger.store, ledger.deletions, ledger.deliveries, most=4)
    listed = await short.deletions(Page(100), Search(text="b\u00e4ckerei").fits)
    found: list[str] = []
    until, rounds = listed.next_until, 1
    while until is not None:
        listed = await short.deletions(Page(100, until=until), Search(text="b\u00e4ckerei").fits)
        found += [each.id for each in listed.records]
        until, rounds = listed.next_until, rounds + 1
    assert found == ["del_1"]
    assert rounds > 2
