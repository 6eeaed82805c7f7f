"""The client: everything Unglue asks of IT Glue, and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import httpx

from workers.itglue import changes
from workers.itglue import organizations as finding
from workers.itglue.contents import activity, inventory
from workers.itglue.export import exports
from workers.itglue.http.transport import Hooks, JustBefore, Pool, Transport
from workers.itglue.models import ChangeAnswer, Inventory, Organization
from workers.itglue.presence import presence as looks
from workers.ledger.installation.asset_types import RememberedTypes

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _asks(
    question: Callable[Concatenate[Transport, _P], _T],
) -> Callable[Concatenate["ITGlue", _P], _T]:
    """A method that asks this of the account."""

    @wraps(question)
    def asked(itglue: "ITGlue", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return question(itglue.transport, *args, **kwargs)

    return asked


class ITGlue:
    """One IT Glue account; `saw_account` once an inventory has shown which one.

    Unless a method says otherwise it raises `PermissionDenied` for 401 and 403, for every other
    failure `ITGlueConnectionError` (in the form of `failures.CallFailed`: its `retryable` says
    whether the same may succeed later, its `retry_after` when), and `InvalidIdentifier`, before
    anything is sent, for an id that is not one. What a hook raises goes to the caller.
    """

    def __init__(self, transport: Transport, types: RememberedTypes | None = None) -> None:
        self.saw_account = False
        self.transport = transport
        self._types = types

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        *,
        base_url: str,
        api_key: str,
        timeout_seconds: float = 30,
        hooks: Hooks | None = None,
        types: RememberedTypes | None = None,
        in_flight: int = 64,
        wire: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator["ITGlue"]:
        """A client for the account of this key, `in_flight` requests at most; `wire`: a network."""
        async with Pool(
            base_url=base_url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            in_flight=in_flight,
            wire=wire,
        ) as pool:
            yield cls(Transport(pool, hooks or Hooks()), types)

    @property
    def requests(self) -> int:
        """How many requests were sent so far. Downloads do not count: they go elsewhere."""
        return self.transport.requests

    organization = _asks(finding.by_id)
    organizations = _asks(finding.everything)
    organizations_named = _asks(finding.named)
    organizations_alike = _asks(finding.alike)
    organizations_linked = _asks(finding.linked)
    organizations_page = _asks(finding.page)
    primary = _asks(looks.primary)
    presence = _asks(looks.presence)
    statuses = _asks(finding.statuses)
    last_activity = _asks(activity.last_activity)
    set_status = _asks(changes.set_status)
    create_export = _asks(exports.create)
    export = _asks(exports.show)
    delete_export = _asks(exports.delete)
    download = _asks(exports.download)

    async def inventory(self, organization: Organization) -> Inventory:
        """How many records of each kind hang on an organization, and what lies below it.

        Raises ITGlueConnectionError: a count may succeed later; one that never can is `None`.
        """
        found = await inventory.take(self.transport, organization, self._types)
        self.saw_account = self.saw_account or found.account is not None
        return found

    async def control(self) -> int | None:
        """Prove that the key, the region and IT Glue work; also keeps the key from expiring.

        How many organizations the account has, or `None` if IT Glue does not say.
        """
        return (await looks.control(self.transport)).total

    async def delete_organization(
        self, org_id: str, just_before: JustBefore | None = None
    ) -> ChangeAnswer:
        """Send the one call that cannot be undone, unless `just_before` raises at the last moment.

        Never raises for what IT Glue answers or fails to. `refused` without a status: there was
        no connection, so nothing was sent.
        """
        return await changes.delete(self.transport, org_id, just_before)
