"""Autotask PSA: companies, on the server of the zone in which the tenant is.

REST API 1.0. Which zone that is says one request without credentials; the answer is believed only
if it leads to a server of the vendor.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from adapters.autotask.config import AutotaskApi
from adapters.counting import counted
from adapters.fields import as_object, folded, instant, positive_id, printable
from adapters.origin import is_loopback, split_url
from workers.psa.company import Company, Page
from workers.psa.http import Method, OverHttp, PsaHttp, flag_of, name_of, page_of

_VENDOR: Final = ".autotask.net"
_ROOM: Final = "/atservicesrest"
# The most that Autotask answers at once.
_COMPANIES: Final = 500
_FIELDS: Final = ("id", "companyName", "isActive", "lastTrackedModifiedDateTime")


class AutotaskClient(OverHttp):
    """One tenant."""

    def __init__(self, api: AutotaskApi, http: PsaHttp) -> None:
        self._api = api
        self._http = http
        self._headers = {
            "username": api.username,
            "secret": api.secret,
            "apiintegrationcode": api.integration_code,
        }
        self._zone: str | None = None

    async def company(self, company_id: str) -> Company | None:
        """The company, or `None` if Autotask knows none of this id. Raises PsaError."""
        item = await self._item(company_id)
        if item is None:
            return None
        with self._http.reading("answers no company"):
            return _company(as_object(item, "company_malformed"))

    async def statuses(self) -> None:
        """Nothing: a company is active or not. Company 0 is the tenant itself, so it is there.

        Raises PsaError: the credentials do not work.
        """
        await self._item("0")

    async def page(self, after: str, since: datetime | None) -> Page:
        """The companies with the ids that follow `after`; with `since`, those changed since then.

        Raises PsaError: it does not tell.
        """
        asked = [{"op": "gt", "field": "id", "value": after}]
        if since is not None:
            field = "lastTrackedModifiedDateTime"
            asked.append({"op": "gte", "field": field, "value": _said(since)})
        content = {"MaxRecords": _COMPANIES, "IncludeFields": _FIELDS, "filter": asked}
        return page_of(self._http, await self._found("Companies", content), after, _company)

    async def given_up(self, since: datetime) -> str | None:
        """What Autotask could not deliver since then, in words; `None` if its log has nothing.

        The log keeps a callout for 30 days, and shows those of this user's own webhooks only.
        Raises PsaError: it does not tell.
        """
        asked = [{"op": "gte", "field": "createDateTime", "value": _said(since)}]
        items = await self._found("WebhookEventErrorLogs", {"filter": asked})
        if not isinstance(items, list) or not items:
            return None
        last = items[-1] if isinstance(items[-1], dict) else {}
        why = printable(last.get("errorMessage"), 200) or "no reason given"
        return f"Autotask gave up at least {counted(len(items), 'callouts')}, the last one: {why}"

    async def rows(self, entity: str, *filters: Mapping[str, str]) -> list[dict[str, Any]]:
        """What the entity has, by these filters. Raises PsaError: Autotask does not tell."""
        items = await self._found(entity, {"MaxRecords": _COMPANIES, "filter": filters})
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise self._http.unreadable(f"answers no list of {entity}")
        return items

    async def _found(self, entity: str, content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        url = f"{await self._base()}/{entity}/query"
        reply = await self._http.send("POST", url, self._headers, content=content)
        return reply.fields.get("items")

    async def field_numbers(self, entity: str) -> dict[str, str]:
        """The numbers, by their labels, of the fields a webhook may have. Raises PsaError."""
        url = f"{await self._base()}/{entity}/entityInformation/fields"
        reply = await self._http.get(url, self._headers)
        told = reply.fields.get("fields")
        for each in told if isinstance(told, list) else ():
            if isinstance(each, dict) and folded(str(each.get("name"))) == "fieldid":
                picks = each.get("picklistValues") or []
                return {
                    folded(str(pick["label"])).replace(" ", ""): str(pick["value"])
                    for pick in picks
                    if isinstance(pick, dict) and {"label", "value"} <= set(pick)
                }
        raise self._http.unreadable("does not say which fields a webhook may show")

    async def change(
        self, method: Method, path: str, content: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """What Autotask answers to a change. Raises PsaError."""
        url = f"{await self._base()}/{path}"
        reply = await self._http.send(method, url, self._headers, content=content)
        if reply.status == 404:
            raise self._http.unreadable(f"knows no {path}")
        return reply.fields

    async def _item(self, company_id: str) -> object:
        """What Autotask has under this id: a company that is not there is an empty item."""
        reply = await self._http.get(f"{await self._base()}/Companies/{company_id}", self._headers)
        if reply.status == 404 or "item" not in reply.fields:
            raise self._http.unreadable("answers as no API of Autotask does; look at its zone")
        return reply.fields["item"]

    async def _base(self) -> str:
        if self._zone is None:
            self._zone = await self._discovered()
        return self._zone

    async def _discovered(self) -> str:
        url = f"{self._api.base_url}{_ROOM}/v1.0/zoneInformation"
        # Without credentials: nobody has shown yet that it is the right server.
        reply = await self._http.get(url, {}, {"user": self._api.username})
        told = reply.fields.get("url")
        if reply.status == 404 or not isinstance(told, str):
            raise self._http.unreadable(
                "does not say in which zone its tenant is; look at api.username"
            )
        try:
            origin, parts = split_url(told)
        except ValueError:
            raise self._http.unreadable("names a zone that is no URL") from None
        host = parts.hostname or ""
        vendors = parts.scheme == "https" and host.endswith(_VENDOR) and parts.port in {None, 443}
        rehearsed = is_loopback(host) and origin == self._api.base_url
        # Some answers have two slashes here.
        path = parts.path.strip("/").casefold()
        if not (vendors or rehearsed) or path != _ROOM.strip("/") or parts.query:
            raise self._http.unreadable("names a zone that is no server of Autotask")
        return f"{origin}/{parts.path.strip('/')}/v1.0"


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _company(item: dict[str, Any]) -> Company:
    name, active = name_of(item, "companyName"), flag_of(item, "isActive", "is_active_missing")
    number = positive_id(item.get("id"), "id")
    because = f"isActive is {str(active).lower()}"
    at = item.get("lastTrackedModifiedDateTime")
    # Some of Autotask's times have no zone; all of them are in UTC.
    changed = instant(at) or instant(f"{at}Z")
    return Company(number, name, active=active, because=because, changed_at=changed)
