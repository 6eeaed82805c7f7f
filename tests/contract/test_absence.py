"""That nothing is shown is no proof that there is nothing."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.contract.conftest import Rehearse
from tests.contract.test_gone import HELD, fault, sent
from tests.support.altered import Altered
from tests.support.rehearsal import TEST_COMPANY
from tests.support.sources import NAME, ORG, account

NOTHING = {"data": [], "meta": {"total-count": 0}}


def shows_less(what: str, asked: str, said: Any) -> Any:
    """What a key that lost a right, or a gateway, shows: 200, and less than there is."""
    path, _, query = unquote(asked).partition("?")
    match what:
        case "no types of assets" if path == "/flexible_asset_types":
            return NOTHING
        case "no total" if path == "/passwords":
            return {"data": []}
        case "not itself" if path == "/organizations" and "filter" not in query:
            rows = [row for row in said["data"] if row["id"] != ORG]
            return {**said, "data": rows, "meta": {"total-count": len(rows)}}
    return None


@pytest.mark.parametrize("what", ["no types of assets", "no total", "not itself"])
async def test_less_is_shown_and_nothing_is_deleted(rehearse: Rehearse, what: str) -> None:
    front = Altered(lambda _method, asked, _status, said: shows_less(what, asked, said))
    making = rehearse(sandbox=account(), dependency_limits={})
    making.in_front = front.in_front
    async with making as it:
        result = await it.run(await it.ask(org_id=ORG, org_name=NAME))
        assert (result["details"]["state"], await it.deletes()) == ("blocked", [])
        assert any("could not be counted" in each for each in result["warnings"])


async def test_what_the_export_holds_was_not_counted(rehearse: Rehearse, tmp_path: Path) -> None:
    """The key may not see passwords, and IT Glue lists none; the export has them all the same."""
    export = {"export": True, "export_dir": str(tmp_path), "dependency_limits": {}}
    front = Altered()
    making = rehearse(sandbox=account(), **export)
    making.in_front = front.in_front
    async with making as it:
        it.world.add("passwords", int(ORG), {"name": "root", "archived": False})
        front.change = lambda _method, asked, _status, _said: (
            NOTHING if asked.startswith("/passwords") else None
        )
        name = await it.ask(org_id=ORG, org_name=NAME)
        result = await it.run(name)
        assert (result["details"]["state"], await it.deletes()) == ("blocked", [])
        assert "could not count passwords" in result["errors"][0]["message"]
        # A person who knows of it may go on.
        assert (await it.run(await it.ask(org_id=ORG, force_delete=True)))["deleted"] is True


async def test_an_export_of_another_organization_is_none(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    def of_another(method: str, asked: str, _status: int, said: Any) -> Any:
        if method != "GET" or not asked.startswith("/exports/"):
            return None
        said["data"]["attributes"]["organization-id"] = 999
        return said

    making = rehearse(export=True, export_dir=str(tmp_path))
    making.in_front = Altered(of_another).in_front
    async with making as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert (result["details"]["state"], await it.deletes()) == ("blocked", [])
        assert "is of 999" in result["errors"][0]["message"]


OTHERS = {"id": "9", "type": "configurations", "attributes": {"organization-id": 201}}


@pytest.mark.parametrize(
    "left",
    [{"data": []}, {"data": [OTHERS], "meta": {"total-count": 1}}],
    ids=["no total", "others"],
)
async def test_an_answer_that_tells_nothing_of_its_records_proves_nothing(
    rehearse: Rehearse, left: Any
) -> None:
    """The key lost its right to the organization, which is still there."""
    front = Altered()
    making = rehearse("accept-and-do-nothing")
    making.in_front = front.in_front
    async with making as it:
        deletion = await sent(it, org_id=HELD)
        await fault(it, hide=HELD)
        front.change = lambda _method, asked, _status, _said: (
            left if asked.startswith("/configurations") else None
        )
        assert (await it.run(deletion.id))["deleted"] is False


@pytest.mark.parametrize("status", [402, 405, 407, 413, 422, 451])
async def test_a_refusal_on_the_way_is_no_answer_about_its_records(
    rehearse: Rehearse, status: int
) -> None:
    """A proxy, or a filter in front of IT Glue, refuses; with 422 it shows a page of its own."""

    class InFront:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if refusing and scope["type"] == "http" and scope["path"] == "/configurations":
                page = "<title>Blocked by policy</title>"
                await HTMLResponse(page, status)(scope, receive, send)
                return
            await self.app(scope, receive, send)

    refusing: list[bool] = []
    making = rehearse("accept-and-do-nothing")
    making.in_front = InFront
    async with making as it:
        deletion = await sent(it, org_id=HELD)
        await fault(it, hide=HELD)
        refusing.append(True)
        assert (await it.run(deletion.id))["deleted"] is False
