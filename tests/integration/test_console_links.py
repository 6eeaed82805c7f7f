"""What reaches far in the console: the clean-up of a PSA's backlog, and many dismissals at once."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from service.sandbox.psa.app import create_psa, populated
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.tenant import Tenant
from tests.integration.test_console_many import form_of
from tests.support.audit import audited
from tests.support.console import Browser, logged_in
from tests.support.sandbox import running_sandbox
from tests.support.serve import serve
from tests.support.service import COMPANY, HOST, Service, configured, secret_key
from workers.bulk.links import Link, matched
from workers.ledger.bulk.comparisons import Comparison
from workers.ledger.ledger import Ledger
from workers.settings import Settings

HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def psa() -> Iterator[tuple[Tenant, str]]:
    tenant = populated()
    with serve(create_psa(tenant)) as url:
        yield tenant, url


@pytest.fixture(scope="module")
def settings(valkey_url: str, psa: tuple[Tenant, str]) -> Iterator[Settings]:
    api = {**CW_KEYS, "base_url": psa[1]}
    cw = {"vendor": "connectwise", "host": HOST, "company": COMPANY, "api": api}
    plain = {"vendor": "connectwise", "host": "eu.myconnectwise.net", "company": "Zinc"}
    sources = {
        "cw": {**cw, "itglue_integration": "one"}, "bare": {**plain, "itglue_integration": "two"},
    }  # fmt: skip
    with running_sandbox() as url:
        yield configured(
            valkey_url, secret_keys=[secret_key("k")], sources=sources,
            itglue={"api_key": "ITG.sandbox", "base_url": url},
            schedules={"monthly": {"cron": "0 3 1 * *", "statuses": ["Inactive"]}},
        )  # fmt: skip


async def test_the_links_of_a_source_are_shown(alice: Browser, psa: tuple[Tenant, str]) -> None:
    tenant, _ = psa
    tenant.fault = None
    tenant.company(9001, HOSTILE)
    assert 'href="/links/cw"' in alice.get("/sources").text
    assert "/links/bare" not in alice.get("/sources").text
    assert "Read both now" in alice.get("/links/cw").text
    sent = alice.post("/links/cw")
    assert (sent.status_code, sent.headers["location"]) == (303, "/links/cw?said=read")
    page = alice.get("/links/cw?said=read").text
    for text in (
        "Both were read.",
        "by <bdi>alice</bdi>",
        "name only",
        "missing",
        "&lt;script&gt;",
    ):
        assert text in page, text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    asked = len(tenant.asked)
    missing = alice.get("/links/cw?state=missing").text
    assert "9001" in missing
    assert "linked</span>" not in missing
    assert alice.get("/links/cw?state=none").status_code == 422
    csv = alice.get("/links/cw?format=csv&backlog=yes")
    assert csv.headers["content-type"].startswith("text/csv")
    lines = csv.text.splitlines()
    assert lines[0].startswith("state,company_id")
    assert len(lines) > 1
    # What was read is shown; nothing is asked again for it.
    assert len(tenant.asked) == asked
    for nobody in ("bare", "none"):
        assert alice.get(f"/links/{nobody}").status_code == 404
        assert alice.post(f"/links/{nobody}").status_code == 404


async def test_a_sweep_begins_from_it_as_it_was_counted(
    alice: Browser, service: Service, ledger: Ledger, psa: tuple[Tenant, str]
) -> None:
    tenant, _ = psa
    tenant.fault = None
    alice.post("/links/cw")
    form = form_of(alice, "/links/cw", "/links/cw/sweep")
    (count,) = {
        line.partition("could be")[0].split(">")[-1].strip()
        for line in alice.get("/links/cw").text.splitlines()
        if "of the backlog could be asked for" in line
    }
    count = count.split()[0]
    wanted = {**form, "schedule": "monthly"}
    for wrong, words in (
        ({"number": str(int(count) + 1)}, "type how many"),
        ({}, "type how many"),
        ({"number": count, "schedule": "none"}, "choose a schedule"),
        ({"number": count, "seen": "x"}, "read again meanwhile"),
    ):
        refused = alice.http.post("/links/cw/sweep", data={**wanted, **wrong})
        assert refused.status_code in {409, 422}
        assert "Nothing was asked for." in refused.text
        assert words in refused.text.lower()
    assert await ledger.sweeps.newest(5) == []
    for _ in range(2):
        sent = alice.http.post("/links/cw/sweep", data={**wanted, "number": count})
        assert (sent.status_code, sent.headers["location"]) == (303, "/schedules?said=swept#sweeps")
    (sweep,) = await ledger.sweeps.newest(5)
    assert (sweep.schedule, sweep.by, sweep.preview) == ("monthly", "alice", False)
    assert len(sweep.only or ()) == int(count)
    # Without a number only what would be asked for is said.
    form = form_of(alice, "/links/cw", "/links/cw/sweep")
    said = alice.http.post(
        "/links/cw/sweep", data={**form, "schedule": "monthly", "preview": "yes"}
    )
    assert said.status_code == 303
    assert any(each.preview for each in await ledger.sweeps.newest(5))
    # Who may not ask for deletions finds no form, and is refused.
    carol = logged_in(service, "carol")
    assert 'action="/links/cw/sweep"' not in carol.get("/links/cw").text
    assert carol.post("/links/cw/sweep", schedule="monthly", number=count).status_code == 403
    # What was read long ago is no ground for it.
    kept = await ledger.comparisons.of("cw")
    assert kept is not None
    old = Comparison(kept.at - timedelta(hours=2), kept.by, kept.rows)
    await ledger.comparisons.keep("cw", old)
    assert 'action="/links/cw/sweep"' not in alice.get("/links/cw").text
    assert alice.http.post("/links/cw/sweep", data=wanted).status_code == 409


@pytest.mark.parametrize("fault", [401, 429, 500])
async def test_a_silent_psa_is_told(alice: Browser, psa: tuple[Tenant, str], fault: int) -> None:
    tenant, _ = psa
    tenant.fault = None
    alice.post("/links/cw")
    tenant.fault = fault
    refused = alice.post("/links/cw")
    tenant.fault = None
    assert refused.status_code == 502
    assert "Nothing was compared." in refused.text
    assert "The PSA of source cw" in refused.text
    assert "Read both again" in refused.text


async def test_one_reading_at_a_time_and_no_delivery_waits_for_it(
    alice: Browser, ledger: Ledger, psa: tuple[Tenant, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    psa[0].fault = None
    done: list[int] = []

    def watched(*given: Any) -> tuple[Link, ...]:
        # Not in a thread that answers anybody.
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        found = matched(*given)
        done.append(len(found))
        return found

    monkeypatch.setattr("workers.bulk.links.matched", watched)
    assert await ledger.comparisons.begin("cw", timedelta(seconds=9))
    refused = alice.post("/links/cw")
    assert refused.status_code == 409
    assert "being read already" in refused.text
    assert done == []
    await ledger.comparisons.end("cw")
    for _ in range(2):
        assert alice.post("/links/cw").status_code == 303
    assert len(done) == 2


async def hold(ledger: Ledger, number: int, *, clients: tuple[str, ...] = ()) -> None:
    await ledger.deliveries.receive(
        delivery={"id": f"dlv_{number}", "source": "cw", "vendor": "connectwise", "headers": "[]"},
        body=json.dumps({"Status": number}).encode(),
        events=[{"kind": "rejected", "event_id": f"e{number}", "reason": "status_unknown",
                 "detail": "", "holds": True, "clients": clients}],
        now=datetime.now(UTC),
    )  # fmt: skip


async def test_many_are_counted_first_and_then_dismissed_as_counted(
    alice: Browser, service: Service, ledger: Ledger, redis: Redis
) -> None:
    assert "Nothing is held." in alice.get("/holds").text
    for number in (1, 2, 3):
        await hold(ledger, number)
    assert 'href="/holds"' in alice.get("/deliveries?held=yes").text
    where = "/holds?source=cw&verdict=rejected"
    assert where.replace("&", "&amp;") in alice.get("/holds").text
    form = form_of(alice, where, "/holds")
    page = alice.get(where).text
    assert "3 of <bdi>cw</bdi> that are rejected" in page
    assert 'href="/deliveries/dlv_2"' in page
    why = {"reason": "a test of theirs"}
    for wrong in ({"number": "2", **why}, {"number": "3"}, {"number": "3", **why, "seen": "x"}):
        refused = alice.http.post("/holds", data={**form, **wrong})
        assert refused.status_code in {409, 422}
        assert "Nothing was dismissed." in refused.text
    assert len(await ledger.holds.all()) == 3
    # What comes after the count is not in it.
    await hold(ledger, 4)
    sent = alice.http.post("/holds", data={**form, "number": "3", **why})
    assert (sent.status_code, sent.headers["location"]) == (303, "/holds?said=dismissed")
    assert [each.delivery_id for each in await ledger.holds.all()] == ["dlv_4"]
    assert [(each["operator"], each["reason"]) for each in await audited(redis, "dismissed")] == [
        ("alice", "a test of theirs")
    ] * 3
    # Once more does nothing more.
    again = alice.http.post("/holds", data={**form, "number": "3", **why})
    assert again.status_code == 409
    assert len(await audited(redis, "dismissed")) == 3
    dave = logged_in(service, "dave")
    assert "<form" not in dave.get(where).text.partition("<main")[2]
    assert dave.post("/holds", source="cw", verdict="rejected").status_code == 403
    assert alice.get("/holds?source=cw&verdict=accepted").status_code == 422
