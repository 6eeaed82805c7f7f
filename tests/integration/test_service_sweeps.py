"""`/v1/schedules`, `/v1/sweeps` and their commands; the job that carries a sweep out."""

import json
import re
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.commands.sweeps import how_far
from service.demo.installation import AT_ONCE, MAY_GO
from service.sandbox.app import create_sandbox
from service.sandbox.psa.app import create_psa
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.tenant import Tenant
from service.sandbox.settings import SandboxSettings
from tests.support.command import Command
from tests.support.part import part
from tests.support.serve import serve
from tests.support.service import Service, only_error, token
from workers.ledger.ledger import Ledger

SCHEDULES = {
    "monthly": {"cron": "0 3 1 * *", "timezone": "Europe/Berlin", "confirm_delete": True},
    "all": {"cron": "0 3 * * *", "max_share": 1.0, "confirm_delete": True},
}


SETTINGS = {"schedules": SCHEDULES}


def test_schedules_are_listed_with_their_next_times(service: Service) -> None:
    listed = service.call("GET", "/v1/schedules", operator="dave").json()["schedules"]
    assert [each["name"] for each in listed] == ["all", "monthly"]
    # 03:00 in Berlin, on the first of a month.
    assert all(re.fullmatch(r"....-..-01T0[12]:00:00Z", time) for time in listed[1]["next"])


async def test_a_sweep_is_begun(service: Service, redis: Redis, ledger: Ledger) -> None:
    del redis
    begun = service.call("POST", "/v1/schedules/monthly/sweep", json={"dry_run": True})
    assert begun.status_code == 202, begun.text
    sweep = begun.json()
    assert begun.headers["location"] == f"/v1/sweeps/{sweep['id']}"
    assert (sweep["state"], sweep["dry_run"], sweep["by"]) == ("looking", True, "alice")
    assert service.call("GET", "/v1/sweeps").json() == {"sweeps": [sweep]}
    shown = service.call("GET", begun.headers["location"]).json()
    assert shown == {**sweep, "organizations": []}
    assert [name for name, _ in await ledger.sweeps.take_due(datetime.now(UTC))] == [sweep["id"]]


@pytest.mark.parametrize(
    ("operator", "path", "body", "status", "code"),
    [
        ("carol", "/v1/schedules/monthly/sweep", None, 403, "RoleMissing"),
        ("dave", "/v1/schedules/monthly/sweep", None, 403, "RoleMissing"),
        ("alice", "/v1/schedules/weekly/sweep", None, 404, "NotFound"),
        ("alice", "/v1/schedules/monthly/sweep", {"dry_run": "yes"}, 422, "InvalidRequest"),
        ("alice", "/v1/schedules/monthly/sweep", {"limit": 5000}, 422, "InvalidRequest"),
        ("alice", "/v1/schedules/monthly/sweep", {"only": []}, 422, "InvalidRequest"),
        ("alice", "/v1/schedules/monthly/sweep", {"only": ["x"]}, 422, "InvalidRequest"),
    ],
)
async def test_what_begins_no_sweep(
    service: Service, redis: Redis, operator: str, path: str, body: object, status: int, code: str
) -> None:
    only_error(service.call("POST", path, operator=operator, json=body or {}), status, code)
    assert await redis.keys("unglue:sweep*") == []


def test_an_unknown_sweep(service: Service) -> None:
    only_error(service.call("GET", "/v1/sweeps/swp_0"), 404, "NotFound")


# -- carried out ------------------------------------------------------------------------------


@contextmanager
def carried_out(config: Path) -> Iterator[None]:
    """A worker and two schedulers run until the block ends."""
    with ExitStack() as running:
        for number, name in enumerate(("worker", "scheduler", "scheduler")):
            folder = config.parent / str(number)
            folder.mkdir()
            running.enter_context(part(name, folder, UNGLUE_CONFIG=str(config)))
        yield


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("looking", "4 organizations looked at"),
        ("checking", "2 of 3 candidates checked"),
        ("requesting", "1 of 2 candidates requested"),
    ],
)
def test_how_far_a_sweep_is(state: str, said: str) -> None:
    rows = [
        {"met": False, "checked": False, "deletion_id": None},
        {"met": False, "checked": True, "deletion_id": None},
        {"met": True, "checked": True, "deletion_id": "del_1"},
        {"met": True, "checked": False, "deletion_id": None},
    ]
    assert how_far({"state": state, "organizations": rows}) == said


@pytest.mark.usefixtures("redis")
async def test_the_commands(
    service: Service,
    valkey_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "unglue.toml"
    tables = "".join(
        f"[schedules.{name}]\n"
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in SCHEDULES.items()
    )
    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
    monkeypatch.setenv("COLUMNS", "200")

    unglue = Command(monkeypatch, capsys)

    sandbox = create_sandbox(SandboxSettings(), now=lambda: datetime.now(UTC))
    psa = Tenant()
    psa.company(2, "TestCompany")
    psa.company(21, "Paper Moon Cinema GmbH")
    psa.company(11, "Copper Kettle Bakery", status=1)
    with serve(sandbox) as itglue, serve(create_psa(psa)) as vendor:
        config.write_text(
            f'redis_url = "{valkey_url}"\n[itglue]\napi_key = "ITG.sandbox"\n'
            f'base_url = "{itglue}"\n[policy]\nexport = false\n{AT_ONCE}\n'
            f"dependency_limits = {{ {MAY_GO} }}\n{tables}"
            '[sources.cw]\nvendor = "connectwise"\nhost = "na.myconnectwise.net"\n'
            f'company = "Cobalt"\nconfirm_delete = true\n[sources.cw.api]\nbase_url = "{vendor}"\n'
            + "".join(f'{key} = "{value}"\n' for key, value in CW_KEYS.items())
        )
        monkeypatch.setenv("UNGLUE_CONFIG", str(config))
        with carried_out(config):
            status, shown, _ = unglue("sweep", "monthly", "--dry-run", "--json")
            preview = json.loads(shown)
            assert (status, preview["state"], preview["summary"]["requested"]) == (0, "finished", 0)
            assert preview["dry_run"] is preview["summary"]["dry_run"] is True
            met = [each["org_id"] for each in preview["organizations"] if each["met"]]
            assert "301" in met
            assert "101" not in met
            status, shown, _ = unglue("sweep", "monthly", "--dry-run")
            assert (status, "would be requested" in shown, "  held  " in shown) == (0, False, True)
            assert "nothing is requested" in shown
            assert unglue("sweep", preview["id"])[:2] == (0, shown)
            assert unglue("sweep", "monthly", "--json")[0] == 1  # held
            assert service.call("GET", "/v1/deletions").json()["deletions"] == []

            status, shown, told = await to_thread(unglue, "links", "cw", "--backlog", "--csv")
            assert (status, told) == (0, "")
            assert [line.partition(",")[0] for line in shown.splitlines()] == [
                "state", "linked", "ambiguous",
            ]  # fmt: skip
            assert "2 inactive in the PSA" in (await to_thread(unglue, "links", "cw"))[2]
            sweep = ("links", "cw", "--sweep", "all", "--json")
            status, shown, told = await to_thread(unglue, *sweep, "--dry-run")
            only = {each["org_id"]: each["met"] for each in json.loads(shown)["organizations"]}
            assert (status, [org for org, yes in only.items() if yes]) == (0, ["301"])
            assert "1 of the backlog are not linked beyond doubt" in told

            status, shown, _ = unglue("sweep", "all", "--json")
            asked = {
                each["org_id"]: each["deletion_id"]
                for each in json.loads(shown)["organizations"]
                if each["met"]
            }
            assert (status, sorted(asked)) == (0, sorted(met))
    listed = service.call("GET", "/v1/deletions?source=schedule:all").json()["deletions"]
    assert {each["id"] for each in listed} == set(asked.values())
    assert "Europe/Berlin" in unglue("schedules")[1]
