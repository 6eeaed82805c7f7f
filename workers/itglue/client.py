"""The client: everything Unglue asks of IT Glue, and nothing else."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import httpx

from adapters.models import PsaLink
from workers.itglue import changes, organizations
from workers.itglue.contents import activity, inventory
from workers.itglue.contents.assets import TypeCache
from workers.itglue.export import exports
from workers.itglue.http.decode import Included, Resource, attribute, own_id
from workers.itglue.http.paging import Page, every
from workers.itglue.http.transport import Hooks, JustBefore, Pool, Transport
from workers.itglue.models import (
    AccountView,
    DeleteAnswer,
    Downloaded,
    Export,
    Inventory,
    Linked,
    Organization,
    Presence,
    StatusAnswer,
)
from workers.itglue.presence import presence


class ITGlue:
    """One IT Glue account.

    Unless a method says otherwise it raises `PermissionDenied` for 401 and 403, for every other
    failure `ITGlueConnectionError` (in the form of `failures.CallFailed`: its `retryable` says
    whether the same may succeed later, its `retry_after` when), and `InvalidIdentifier`, before
    anything is sent, for an id that is not one. What a hook raises goes to the caller.
    """

    def __init__(self, transport: Transport, types: TypeCache | None = None) -> None:
        self._transport = transport
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
        types: TypeCache | None = None,
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
        return self._transport.requests

    async def organization(self, org_id: str) -> Organization | None:
        """One organization with its PSA links; `None` if IT Glue says there is no such one."""
        return await organizations.by_id(self._transport, org_id)

    async def organizations_named(self, name: str) -> tuple[Organization, ...]:
        """Organizations of exactly this name, after Unicode NFC and trimming, case kept."""
        return await organizations.named(self._transport, name)

    async def organizations_alike(self, name: str) -> tuple[tuple[str, str], ...]:
        """Id and name of every organization whose name people may take for this one."""
        return await organizations.alike(self._transport, name)

    async def organizations_linked(self, link: PsaLink) -> Linked:
        """Organizations linked to a PSA company, each proved by its `remote-id`."""
        return await organizations.linked(self._transport, link)

    async def organizations(self) -> AsyncIterator[Organization]:
        """Every organization of the account, with its PSA links, once, by ascending id."""
        for organization in await organizations.everything(self._transport):
            yield organization

    async def organizations_page(self, number: int, size: int) -> Page[Organization]:
        """One page of all organizations, by ascending id; `number` counts from 1."""
        return await organizations.page(self._transport, number, size)

    async def inventory(self, organization: Organization) -> Inventory:
        """How many records of each kind hang on an organization, and what lies below it.

        Raises:
            ITGlueConnectionError: a count may succeed later; one that never can is `None`.
        """
        return await inventory.take(self._transport, organization, self._types)

    async def control(self) -> int | None:
        """Prove that the key, the region and IT Glue work; also keeps the key from expiring.

        How many organizations the account has, or `None` if IT Glue does not say.
        """
        return (await presence.control(self._transport)).total

    async def primary(self) -> str | None:
        """Id of the account's own organization; `None` if IT Glue does not show exactly one."""
        return await presence.primary(self._transport)

    async def presence(
        self,
        org_id: str,
        before: AccountView | None = None,
        ours: Collection[str] = (),
        held: str | None = None,
    ) -> Presence:
        """Whether the organization is there. Never raises for what IT Glue answers or fails to."""
        return await presence.presence(self._transport, org_id, before, ours, held)

    async def last_activity(
        self, org_id: str, *, since: datetime, now: datetime
    ) -> datetime | None:
        """When somebody last did something in the organization; `None` if not since `since`."""
        return await activity.last_activity(self._transport, org_id, since=since, now=now)

    async def delete_organization(
        self, org_id: str, just_before: JustBefore | None = None
    ) -> DeleteAnswer:
        """Send the one call that cannot be undone, unless `just_before` raises at the last moment.

        Never raises for what IT Glue answers or fails to. `refused` without a status: there was
        no connection, so nothing was sent.
        """
        return await changes.delete(self._transport, org_id, just_before)

    async def statuses(self) -> Mapping[str, str]:
        """The account's organization statuses, name to id."""

        def decode(row: Resource, _: Included) -> tuple[str, str]:
            return str(attribute(row.attributes, "name")), own_id(row)

        rows = await every(
            self._transport, "/organization_statuses", (), decode, what="organization statuses"
        )
        return dict(rows)

    async def set_status(
        self, org_id: str, status_id: str, just_before: JustBefore | None = None
    ) -> StatusAnswer:
        """Give the organization another status. Never raises for what IT Glue answers."""
        return await changes.set_status(self._transport, org_id, status_id, just_before)

    async def create_export(
        self, org_id: str, *, include_logs: bool, zip_password: str | None
    ) -> Export:
        """Ask for an export of the organization; it is built later."""
        return await exports.create(
            self._transport, org_id, include_logs=include_logs, zip_password=zip_password
        )

    async def export(self, export_id: str) -> Export | None:
        """The export as it is now; it is ready once it has a download URL."""
        return await exports.show(self._transport, export_id)

    async def delete_export(self, export_id: str) -> None:
        """Delete an export in IT Glue."""
        await exports.delete(self._transport, export_id)

    async def download(
        self, export: Export, path: Path, max_bytes: int, password: str | None = None
    ) -> Downloaded:
        """Store the file of a finished export under `path`: whole or not at all, mode 0600.

        Raises:
            ITGlueConnectionError: not ready, broken off, empty, not a zip file, or (and that is
                not retryable) larger than `max_bytes`.
            OSError: the disk.
        """
        return await exports.download(self._transport, export, path, max_bytes, password)
