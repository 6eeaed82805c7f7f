"""Who decides writes it down: every decision is an entry, in the same script, once."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.errors import Conflict
from adapters.models import DeletionRequest
from tests.support.clock import TestClock
from tests.support.deletions import begun as asked_to_begin
from tests.support.deletions import leased
from workers.audit.configuration import changed_since, configuration_of, record_configuration
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion, ErrorEntry
from workers.pipeline.states import FAILED, RETRYING
from workers.settings import Settings
from workers.times.clock import rfc3339

SCRIPTS = Path(__file__).parents[2] / "workers" / "ledger" / "scripts"


async def entries(ledger: Ledger) -> list[dict[str, Any]]:
    """What waits for the writer, each with its number."""
    store = ledger.store
    raw = cast("Any", await store.redis.xrange(store.key("audit", "pending")))
    found = []
    for _, fields in raw:
        rest = {k.decode(): v.decode() for k, v in fields.items() if k != b"entry"}
        entry = json.loads(fields[b"entry"])
        entry["what"] = entry.pop("entry", entry.get("what"))
        found.append({**entry, **rest})
    return found


async def whats(ledger: Ledger) -> list[str]:
    return [entry["what"] for entry in await entries(ledger)]


async def asked(ledger: Ledger, clock: TestClock, **fields: Any) -> Deletion:
    """A deletion that a worker holds."""
    request = DeletionRequest(**{"org_id": "5", "confirm_delete": True, **fields})
    return await leased(ledger, "del_1", clock(), request)


async def begin(ledger: Ledger, held: Deletion, clock: TestClock, digest: str = "d") -> str:
    return (await asked_to_begin(ledger, held, clock(), digest=digest)).decision


def cancelled(clock: TestClock) -> ErrorEntry:
    return ErrorEntry("Cancelled", "cancelled by operator bob", rfc3339(clock()))


async def test_a_request_names_operator_and_reason(ledger: Ledger, clock: TestClock) -> None:
    await asked(ledger, clock, reason="contract ended", dry_run=True)
    (entry,) = await entries(ledger)
    assert (entry["what"], entry["operator"], entry["deletion_id"], entry["org_id"]) == (
        "created", "alice", "del_1", "5",
    )  # fmt: skip
    assert (entry["reason"], entry["dry_run"], entry["force_delete"]) == (
        "contract ended", True, False,
    )  # fmt: skip
    assert "callback" not in json.dumps(entry)


async def test_what_is_seen_often_is_written_once(ledger: Ledger, clock: TestClock) -> None:
    held = await asked(ledger, clock)
    line = {"entry": "looked", "state": "visible"}
    for _ in range(3):
        waiting = Change(state=RETRYING, ready_at=clock(), journal=(line,))
        await ledger.deletions.record(held, waiting, clock.forward(seconds=1))
        again = await ledger.deletions.lease("del_1", clock())
        assert again is not None
        held = again
    gone = Change(state="deleted", journal=({"entry": "looked", "state": "gone"},))
    await ledger.deletions.record(held, gone, clock())
    found = await entries(ledger)
    assert [entry["what"] for entry in found] == ["created", "looked", "state", "looked", "ended"]
    assert {entry["deletion_id"] for entry in found} == {"del_1"}
    assert [entry["n"] for entry in found] == ["1", "2", "3", "4", "5"]


async def test_the_end_has_its_state_and_codes(ledger: Ledger, clock: TestClock) -> None:
    held = await asked(ledger, clock)
    error = ErrorEntry("PermissionDenied", "the key is …", rfc3339(clock()))
    await ledger.deletions.record(held, Change(state=FAILED, errors=(error,)), clock())
    ended = (await entries(ledger))[-1]
    assert (ended["state"], ended["errors"]) == ("failed", ["PermissionDenied"])


async def test_begin_says_why_not_once_then_its_number(ledger: Ledger, clock: TestClock) -> None:
    held = await asked(ledger, clock)
    await ledger.deletions.record(
        held, Change(state="running", fields={"plan_digest": "d"}), clock()
    )
    for _ in range(3):
        assert await begin(ledger, held, clock, "other") == "plan_moved"
    assert await begin(ledger, held, clock) == "begun"
    _, refused, begun = await entries(ledger)
    assert (refused["what"], refused["why"]) == ("not_begun", "plan_moved")
    assert (begun["what"], begun["number"], begun["org_id"], begun["digest"]) == (
        "intent", 1, "5", "d",
    )  # fmt: skip


async def test_a_cancel_names_its_operator_if_refused_too(ledger: Ledger, clock: TestClock) -> None:
    await asked(ledger, clock)
    error = cancelled(clock)
    await ledger.deletions.cancel("del_1", operator="bob", error=error, now=clock())
    with pytest.raises(Conflict):
        await ledger.deletions.cancel("del_1", operator="eve", error=error, now=clock())
    found = (await entries(ledger))[1:]
    assert [entry["what"] for entry in found] == ["cancelled", "ended", "cancel_refused"]
    assert [entry.get("operator") for entry in found] == ["bob", None, "eve"]


async def test_a_worker_that_died_is_noted(ledger: Ledger, clock: TestClock) -> None:
    await asked(ledger, clock)
    assert await ledger.deletions.lease("del_1", clock.forward(minutes=5)) is not None
    assert await whats(ledger) == ["created", "lease_expired"]


def settings(**changes: Any) -> Settings:
    tables: dict[str, Any] = {
        "itglue": {"api_key": "ITG.very-secret"},
        "secret_keys": ["first of the secrets, and as long as one must be"],
        "policy": {"max_deletions_per_day": 10},
        "callback": {"secrets": ["whsec_" + "A" * 40]},
        "sources": {
            "ninja": {"vendor": "ninjaone", "header": "X-Key", "secrets": ["Bearer hush-hush-hush"]}
        },
    }
    return Settings(**{**tables, **changes})


async def test_a_configuration_is_written_when_it_changed(ledger: Ledger, clock: TestClock) -> None:
    for _ in range(2):
        await record_configuration(settings(), ledger, "worker", clock)
    changed = settings(policy={"max_deletions_per_day": 11}, itglue={"api_key": "ITG.other"})
    await record_configuration(changed, ledger, "worker", clock)
    told = [each for each in await entries(ledger) if each["what"] == "configuration"]
    first, second = told
    assert (first["part"], first["changed"]) == ("worker", [])
    assert second["changed"] == ["itglue.api_key", "policy.max_deletions_per_day"]
    assert first["digest"] != second["digest"]


@pytest.mark.parametrize(
    ("keys", "changed"),
    [(2, ["policy.max_deletions_per_day", "secret_keys"]), (1, ["secret_keys"])],
    ids=["rotated", "replaced"],
)
def test_a_new_key_changes_no_other_setting(keys: int, changed: list[str]) -> None:
    old = settings()
    rotated = ("another very-secret key of 32 characters", *old.secret_keys)[:keys]
    new = settings(secret_keys=rotated, policy={"max_deletions_per_day": 11})
    assert changed_since(configuration_of(old).plain(), new) == changed


def test_no_secret_is_in_a_configuration() -> None:
    known = configuration_of(settings())
    text = json.dumps(known.plain())
    for secret in ("very-secret", "first of", "AAAA", "hush"):
        assert secret not in text
    assert set(known.secrets) == {
        "itglue.api_key", "secret_keys", "callback.secrets", "sources.ninja.secrets",
    }  # fmt: skip
    assert "policy.max_deletions_per_day" in known.values


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.lua")), ids=lambda path: path.stem)
def test_no_script_decides_in_silence(path: Path) -> None:
    """Who writes to a journal writes to the audit log as well."""
    text = path.read_text(encoding="utf-8")
    # What is looked at again and again is no decision: `looked_back` and `proved_later` are. Nor is
    # a wait: that it was given up is written by the prelude.
    silent = {"prelude", "look_later", "put_off_callback"}
    if path.stem not in silent and re.search(r"\bjournal\(|'RPUSH', key\('journal'", text):
        assert re.search(r"\b(audit|decide|pending)\(", text), f"{path.name}: use decide()"


def test_no_refusal_of_a_call_is_silent() -> None:
    text = (SCRIPTS / "begin_delete.lua").read_text(encoding="utf-8")
    assert re.findall(r"^ *return \{'(\w+)'", text, re.MULTILINE) == ["begun"]
