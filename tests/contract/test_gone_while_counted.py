"""Somebody else's deletion takes the organization away while it is counted."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.contract.conftest import Rehearse
from tests.support.rehearsal import TEST_COMPANY, Rehearsal


@dataclass
class Before:
    """In front of the sandbox: what happens before a request with this in its path, so often."""

    part: str
    happens: Callable[[], None]
    times: int = 1

    def in_front(self, app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if self.times and self.part in scope["path"]:
                self.times -= 1
                self.happens()
            await app(scope, receive, send)

        return answer


def gone(it: Rehearsal) -> None:
    it.world.organizations.pop(int(TEST_COMPANY), None)


@pytest.mark.parametrize("part", ["/relationships/documents", "/relationships/document_folders"])
async def test_what_is_gone_ends_so_and_waits_for_nobody(rehearse: Rehearse, part: str) -> None:
    making = rehearse()
    making.in_front = Before(part, lambda: gone(making)).in_front
    async with making as it:
        receipt = await it.event()
        assert receipt.deletion_id is not None
        result = await it.run(receipt.deletion_id)
    assert result["details"]["state"] == "failed"
    assert result["deleted"] is False
    assert [error["code"] for error in result["errors"]] == ["OrganizationNotFound"]


async def test_what_is_there_is_counted_again_and_goes_on(rehearse: Rehearse) -> None:
    async with rehearse("forbid=documents,404:1") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
    assert result["deleted"] is True


async def test_what_is_there_and_cannot_be_counted_is_not_empty(rehearse: Rehearse) -> None:
    async with rehearse("forbid=documents,404") as it:
        result = await it.run(await it.ask(org_id=TEST_COMPANY))
        assert await it.exists(TEST_COMPANY)
    assert result["details"]["state"] == "blocked"
    assert "documents" in result["errors"][0]["message"]
