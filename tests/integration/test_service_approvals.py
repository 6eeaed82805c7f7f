"""Approving and rejecting by the API and the command line: who may, and what is refused."""

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.errors import Conflict
from tests.support.approvals import DEPENDENCIES, NAME, again, awaiting
from tests.support.audit import audited
from tests.support.command import Command, Shown
from tests.support.service import Service, configured, only_error, secret_key, stored, token
from workers.ledger.ledger import Ledger
from workers.processes.queue import QUEUE_KEY
from workers.settings import Settings
from workers.times.clock import rfc3339

pytestmark = pytest.mark.usefixtures("redis")

KEYS = [secret_key("newest"), secret_key("previous")]
POLICY = {"export": False, "approval": "always"}


SETTINGS = {"policy": POLICY, "secret_keys": KEYS}


def decide(
    service: Service, what: str, operator: str = "carol", deletion_id: str = "del_1", **body: Any
) -> Any:
    path = f"/v1/deletions/{deletion_id}/{what}"
    return service.call("POST", path, operator=operator, json=body)


def shown(service: Service, operator: str = "carol") -> Any:
    return service.call("GET", "/v1/deletions/del_1", operator=operator).json()


async def test_approved(service: Service, ledger: Ledger, settings: Settings, redis: Redis) -> None:
    await awaiting(ledger, settings)
    before = shown(service)
    approval = before["approval"]
    assert before["state"] == "awaiting_approval"
    assert before["due_at"] == approval["until"]
    assert (approval["wanted"], approval["why"]) == (True, "policy")
    assert before["approvers"] == ["carol"]
    assert before["approval_url"].startswith("http://127.0.0.1:8000/approve/")
    assert shown(service, "dave")["approval_url"] is None
    (row,) = service.call("GET", "/v1/deletions").json()["deletions"]
    assert (row["approvers"], row["due_at"]) == (["carol"], approval["until"])

    await redis.delete(QUEUE_KEY)
    answer = decide(service, "approve", digest=approval["digest"], reason="they left")
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert (after["state"], after["approval_url"], after["approval"]["by"]) == (
        "queued", None, "carol",
    )  # fmt: skip
    assert after["approval"]["reason"] == "they left"
    assert await redis.llen(QUEUE_KEY) == 1
    (entry,) = await audited(redis, "approved")
    assert (entry["operator"], entry["deletion_id"], entry["org_id"]) == ("carol", "del_1", "301")


async def test_the_requester_may_not(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    await awaiting(ledger, settings)
    answer = decide(service, "approve", "alice", digest=shown(service)["approval"]["digest"])
    assert "another operator" in only_error(answer, 403, "RoleMissing")
    assert [each["why"] for each in await audited(redis, "approve_refused")] == ["requester"]
    assert shown(service)["state"] == "awaiting_approval"


@pytest.mark.parametrize(
    ("what", "body"), [("approve", {"digest": "d"}), ("reject", {"reason": "no"})]
)
async def test_the_role_is_required(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, what: str, body: Any
) -> None:
    await awaiting(ledger, settings)
    only_error(decide(service, what, "dave", **body), 403, "RoleMissing")
    (entry,) = await audited(redis, f"{what}_refused")
    assert (entry["operator"], entry["why"]) == ("dave", "role")
    assert shown(service)["state"] == "awaiting_approval"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("approve", {}),
        ("approve", {"digest": ""}),
        ("approve", {"digest": 1}),
        ("approve", {"digest": "d", "force_delete": "true"}),
        ("approve", {"digest": "d", "confirm": True}),
        ("approve", {"digest": "d", "reason": "x" * 2001}),
        ("reject", {}),
        ("reject", {"reason": ""}),
        ("reject", {"reason": "  "}),
    ],
)
async def test_a_body_of_another_form(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, what: str, body: Any
) -> None:
    await awaiting(ledger, settings)
    before = await stored(redis)
    only_error(decide(service, what, **body), 422, "InvalidRequest")
    assert await stored(redis) == before


NAMES = {
    "case": (NAME.lower(), "upper and lower case"),
    "look-alike": (NAME.replace("a", "\u0430"), "U+0430 CYRILLIC SMALL LETTER A"),
    "another letter": (NAME.replace("ß", "ss"), "U+00DF"),
    "half": (NAME[:8], "not the organization's name"),
    "empty": ("", "type the organization's name"),
}


@pytest.mark.parametrize(("typed", "says"), NAMES.values(), ids=NAMES)
async def test_another_name(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, typed: str, says: str
) -> None:
    await awaiting(ledger, settings)
    digest = shown(service)["approval"]["digest"]
    answer = decide(service, "approve", digest=digest, org_name=typed)
    assert says in only_error(answer, 422, "InvalidIdentifier")
    assert [each["why"] for each in await audited(redis, "approve_refused")] == ["name"]
    assert shown(service)["state"] == "awaiting_approval"


async def test_a_name_in_other_bytes(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    digest = shown(service)["approval"]["digest"]
    typed = NAME.replace("ä", "a\u0308").replace("ö", "o\u0308")
    assert decide(service, "approve", digest=digest, org_name=typed).status_code == 200


async def test_what_moved_must_be_looked_at_again(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    await awaiting(ledger, settings)
    old = shown(service)
    # The plan's own digest covers no counts, so it is not what was seen.
    answer = decide(service, "approve", digest=old["plan"]["digest"])
    assert "look again" in only_error(answer, 409, "Conflict")
    digest = old["approval"]["digest"]
    assert decide(service, "approve", digest=digest).status_code == 200
    await again(ledger, settings, assets=3)
    new = shown(service)
    assert new["approval"]["moved"] == ["flexible assets: 0 → 3"]
    only_error(decide(service, "approve", digest=digest), 409, "Conflict")
    whys = [each["why"] for each in await audited(redis, "approve_refused")]
    assert whys == ["moved", "moved"]
    assert decide(service, "approve", digest=new["approval"]["digest"]).status_code == 200


async def test_force_is_granted_or_no(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings, DEPENDENCIES)
    digest = shown(service)["approval"]["digest"]
    assert shown(service)["approval"]["needs_force_delete"] is True
    message = only_error(decide(service, "approve", digest=digest), 409, "Conflict")
    assert "force_delete" in message
    answer = decide(service, "approve", digest=digest, force_delete=True)
    assert answer.json()["approval"]["force_delete"] is True


async def test_rejected(service: Service, ledger: Ledger, settings: Settings) -> None:
    await awaiting(ledger, settings)
    digest = shown(service)["approval"]["digest"]
    answer = decide(service, "reject", reason="they pay again")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    (error,) = answer.json()["result"]["errors"]
    assert error["code"] == "Cancelled"
    assert error["message"] == "rejected by operator carol: they pay again"
    only_error(decide(service, "reject", reason="again"), 409, "Conflict")
    only_error(decide(service, "approve", digest=digest), 409, "Conflict")


async def test_what_never_waited(service: Service, ledger: Ledger, settings: Settings) -> None:
    del ledger, settings
    deletion_id = service.ask({"org_id": "1", "confirm_delete": True}).json()["id"]
    for what, body in (("approve", {"digest": "d"}), ("reject", {"reason": "no"})):
        answer = decide(service, what, deletion_id=deletion_id, **body)
        assert "does not wait for approval" in only_error(answer, 409, "Conflict")
        answer = decide(service, what, deletion_id="del_0", **body)
        only_error(answer, 404, "NotFound")


async def test_of_two_at_once_one_wins(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis
) -> None:
    held = await awaiting(ledger, settings)
    assert held.asked is not None
    seen = held.asked.seen

    answers = await asyncio.gather(
        *(
            ledger.approvals.approve(
                held, seen=seen, operator=f"o{number}", force=False, reason="", now=held.updated_at
            )
            for number in range(8)
        ),
        return_exceptions=True,
    )
    lost = [str(each) for each in answers if isinstance(each, Conflict)]
    assert len(lost) == 7
    assert all("already approved by o" in each for each in lost)
    assert len(await audited(redis, "approved")) == 1
    answer = decide(service, "approve", digest=seen)
    assert "already approved by o" in only_error(answer, 409, "Conflict")


@pytest.fixture
def command(unglue: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shown]:
    """The command as an operator, who types what is asked for."""

    def run(*arguments: str, operator: str = "carol", typed: str = "") -> Shown:
        monkeypatch.setenv("UNGLUE_TOKEN", token(operator))
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return unglue(*arguments)

    return run


async def test_the_approve_command(
    command: Callable[..., Shown], ledger: Ledger, settings: Settings
) -> None:
    await awaiting(ledger, settings, DEPENDENCIES)
    status, out, _ = command("deletions")
    assert status == 0
    assert "ends unl" in out
    wanted = ("approve", "del_1", "--force-delete")
    status, out, err = command(*wanted, typed="")  # Ctrl-C, or the end of what is typed
    assert (status, out, "\nnothing was approved\n" in err) == (130, "", True), err
    status, out, err = command(*wanted, typed="Somebody Else\n")
    assert (status, out) == (2, "")
    assert "not the organization's name" in err
    # Before the name is asked for.
    status, _, err = command("approve", "del_1")
    assert status == 1
    assert "--force-delete approves that they are lost" in err
    arguments = ("approve", "del_1", "--force-delete", "--json", "--name", NAME)
    status, out, err = command(*arguments, operator="alice")
    assert (status, out) == (1, "")
    assert "another operator" in err
    status, out, err = command(*arguments)
    assert status == 0, err
    assert json.loads(out)["approval"]["by"] == "carol"
    assert NAME in err
    # The same again is the same approval, and asks nobody for a name.
    status, out, err = command(*arguments[:-2])
    assert (status, json.loads(out)["approval"]["by"]) == (0, "carol"), err
    status, _, err = command("approve", "del_1")
    assert status == 1
    assert "already approved by carol" in err
    status, _, err = command("cancel", "del_1", operator="alice")
    assert status == 0
    status, _, err = command(*arguments)
    assert status == 1
    assert "has ended" in err


async def test_the_ending_commands(
    command: Callable[..., Shown], ledger: Ledger, settings: Settings
) -> None:
    await awaiting(ledger, settings)
    status, _, err = command("reject", "del_1")
    assert status == 2
    assert "--reason" in err
    status, out, _ = command("reject", "del_1", "--reason", "they pay again")
    assert (status, out) == (0, "del_1 is cancelled\n")
    await awaiting(ledger, settings, deletion_id="del_2")
    status, out, _ = command("cancel", "del_2", "--json", operator="alice")
    assert (status, json.loads(out)["state"]) == (0, "cancelled")


async def test_grace_can_be_cancelled(
    command: Callable[..., Shown], service: Service, ledger: Ledger, valkey_url: str
) -> None:
    policy = {"export": False, "approval": "never", "grace_period": "48h"}
    held = await awaiting(ledger, configured(valkey_url, policy=policy))
    assert held.state == "scheduled"
    before = shown(service)
    until = rfc3339(held.ready_at)
    assert (before["due_at"], before["grace"]["until"], before["approval"]) == (until, until, None)
    (row,) = service.call("GET", "/v1/deletions?state=scheduled").json()["deletions"]
    assert (row["due_at"], row["approvers"]) == (until, [])
    _, out, _ = command("deletions")
    assert "deleted" in out
    # Who asked by command line hears what it waits for.
    asking = ("delete", "--org-id", "301", "--yes-name", NAME, "--confirm-delete", "--timeout", "0")
    status, _, err = command(*asking, operator="alice")
    assert status == 1
    assert "it goes on without this command" in err
    # No request can have a grace of its own, and so none can be shorter.
    answer = service.ask({"org_id": "1", "confirm_delete": True, "grace_period": "0s"})
    only_error(answer, 422, "InvalidRequest")
    answer = service.call("POST", "/v1/deletions/del_1/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


@pytest.mark.parametrize(("called", "status"), [("alice", 200), ("anna", 403)])
async def test_a_requester_who_was_renamed_does_not_approve(
    service: Service, ledger: Ledger, settings: Settings, redis: Redis, called: str, status: int
) -> None:
    asked = service.call("POST", "/v1/deletions", operator="alice", json={"org_id": "301"})
    name = asked.json()["id"]
    # As it reads to a service whose file calls her otherwise by now.
    await redis.hset(f"unglue:deletion:{name}", "actor", called)
    held = await again(ledger, settings, deletion_id=name)
    assert held.asked is not None
    listed = service.call("GET", f"/v1/deletions/{name}", operator="carol").json()["approvers"]
    assert listed == (["carol"] if status == 200 else [])
    answer = decide(service, "approve", deletion_id=name, digest=held.asked.seen)
    assert answer.status_code == status, answer.text
