"""A ledger in which every page of the console has something to show."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.models import DeletionRequest
from tests.support.approvals import DEPENDENCIES, awaiting
from tests.support.deletions import ended as came_to
from workers.audit.keys import Keyring
from workers.audit.writer import AuditWriter
from workers.bulk.sweep.summary import summary_of
from workers.ledger.bulk.comparisons import Comparison
from workers.ledger.bulk.replays import Order
from workers.ledger.bulk.sweeps import End, Progress, Row
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, WORKER
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.settings import Settings
from workers.times.clock import rfc3339

CLIENTS = (
    ("Blue Heron Canoes", "deleted"), ("Copper Kettle Bakery", "deleted"),
    ("Tin Whistle Holdings", "blocked"), ("Glass Harbour Aquarium", "previewed"),
    ("Clockwork Orchard", "deleted"), ("Saffron Bicycle Repair", "cancelled"),
    ("Marble Umbrella Works", "failed"), ("Moss, Fern and Partners", "soft_deleted"),
    ("Lantern Street Dental", "deleted"), ("Quiet River Law", "deleted"),
    ("North Pier Ferries", "deleted"), ("Seven Maples School", "blocked"),
    ("מרפאת שיניים הגליל (2019) בע״מ", "deleted"),
    ("The Society for the Preservation of Very Long Names, North-Eastern Lake District Chapter",
     "previewed"),
    ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "failed"),
)  # fmt: skip
HEBREW = CLIENTS[12][0]
# How a PSA's clients are found, as `Link` has it.
LINKS: tuple[tuple[Any, ...], ...] = (
    ("linked", "250", "Violet Pumps", False, "", ["401"], "Violet Pumps", "Inactive", True),
    ("linked", "251", HEBREW, False, "", ["402"], HEBREW, "Active", True),
    ("by_name", "260", "Amber Mills", False, "", ["403"], "Amber Mills", "Active", True),
    ("ambiguous", "261", "Quiet River Law", True, "several organizations have its name",
     ["404", "405"], "Quiet River Law", "Active", False),
    ("several_links", "262", "Lantern Street Dental", True, "linked to 263 as well", ["406"],
     "Lantern Street Dental", "Active", False),
    *(("linked", str(300 + each), name, True, "", [str(500 + each)], name, "Active", False)
      for each, (name, _) in enumerate(CLIENTS)),
    ("missing", "264", "Seven Maples School", True, "its name is only similar to one", [], "", None,
     False),
    ("unknown_company", "265", "", None, "the PSA lists no company of this number", ["407"],
     "Moss, Fern and Partners", "Inactive", False),
)  # fmt: skip
# A source whose PSA can be asked, so that there are links.
ASKED = {
    "cw": {
        "vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt",
        "confirm_delete": True,
        "api": {"public_key": "PUB", "private_key": "PRIV", "client_id": "guid"},
    },
}  # fmt: skip
# Each page with something on it.
PAGES = (
    "/", "/deletions", "/deletions?state=failed&q=works", "/deletions/del_1", "/deletions/del_2",
    "/deliveries", "/deliveries?held=yes", "/deliveries/dlv_1", "/results", "/results/cb_2_1",
    "/replays", "/replays?what=deletions", "/holds", "/holds?source=cw&verdict=rejected",
    "/links/cw", "/sources", "/schedules", "/protected",
    "/protected/4", "/audit", "/audit?verify=yes", "/month", "/deletions/del_none", "/log-in",
)  # fmt: skip


async def busy(ledger: Ledger, settings: Settings) -> None:
    """Something of everything; `settings` must ask for approval always."""
    now = datetime.now(UTC)
    for part in (WORKER, SCHEDULER, OUTBOX):
        await ledger.heartbeats.beat(part, now, timedelta(minutes=5))
    await awaiting(ledger, settings, DEPENDENCIES, assets=7, ago=timedelta(hours=2))
    await ended(ledger, "del_2", "Paper Moon Cinema", "failed", now - timedelta(days=1))
    for number, (name, state) in enumerate(CLIENTS, start=3):
        await ended(ledger, f"del_{number}", name, state, now - timedelta(days=number * number / 9))
    held = await ledger.callbacks.lease("cb_2_1", now)
    assert held is not None
    line = {
        "entry": "callback", "webhook_id": "msg_2_1", "attempt": 1, "status": 503,
        "state": "dead", "why": "", "answer": "Service Unavailable",
    }  # fmt: skip
    await ledger.callbacks.record(
        held, state="dead", ready_at=now, status=503, answer="Service Unavailable", line=line,
        now=now,
    )  # fmt: skip
    await rejected(ledger, now)
    await ledger.protections.protect("4", now, how="api", by="bob", reason="they pay until May")
    read = Comparison(now - timedelta(minutes=3), "alice", LINKS)
    await ledger.comparisons.keep("cw", read)
    await ledger.budget.take(now, limit=3000, reserve=1, destructive=False)


async def deeds(ledger: Ledger, settings: Settings) -> None:
    """What people did: a sweep, a replay, and the chain of the audit log."""
    now = datetime.now(UTC)
    await ledger.sweeps.begin("swp_1", "monthly", by="bob", preview=True, now=now)
    sweep = await ledger.sweeps.lease("swp_1", now)
    assert sweep is not None
    rows = (Row("401", "Violet Pumps", "Inactive", checked=True),
            Row("402", HEBREW, "Inactive", checked=True),
            Row("403", "Amber Mills", "Active", ("status: Active",)))  # fmt: skip
    summary = summary_of(sweep, "finished", None, rows, now, head=None)
    fields = {"state": "finished", "summary": json.dumps(summary)}
    end = End({"sweep_id": "swp_1", "schedule": "monthly", "met": 2})
    await ledger.sweeps.record(sweep, Progress(fields, rows, end=end), now)
    order = Order("deletions", "alice", ("del_2", "del_5"), 2, named=False, rate=60,
                  filter={"state": "failed"})  # fmt: skip
    await ledger.replays.begin("rpl_1", order, now)
    writer = AuditWriter(ledger, Keyring.of(settings.secret_keys), path="", keep=1000)
    await writer.write(now)


async def ended(ledger: Ledger, name: str, client: str, state: str, now: datetime) -> None:
    """A deletion that came to this state."""
    request = DeletionRequest(
        org_id=f"30{name.removeprefix('del_')}", org_name=client, confirm_delete=True
    )
    error = ErrorEntry("ITGlueConnectionError", "IT Glue did not answer", rfc3339(now))
    errors = (error,) if state in {"failed", "blocked"} else ()
    url = "https://rewst.example.com/hook"
    await came_to(ledger, name, now, state=state, errors=errors, url=url, request=request)


async def rejected(
    ledger: Ledger, now: datetime, body: bytes = b'{"Status": "odd"}', number: int = 1
) -> None:
    """A delivery that was not understood, and holds deletions."""
    headers = [["content-type", "application/json"], ["x-content-signature", "abc"]]
    event = {
        "kind": "rejected", "event_id": f"e{number}", "reason": "unknown_status", "detail": "",
        "clients": [],
    }  # fmt: skip
    await ledger.deliveries.receive(
        delivery={
            "id": f"dlv_{number}", "source": "cw", "vendor": "connectwise",
            "headers": json.dumps(headers),
        },
        body=body,
        events=[event],
        now=now,
    )  # fmt: skip
