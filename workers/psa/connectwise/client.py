"""ConnectWise PSA: companies, and the statuses that say which of them are inactive.

REST API 3.0 of the PSA OpenAPI 2025.1. A company's own `status` is only a reference: whether it is
an inactive one says `inactiveFlag` of the status.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapters.connectwise.config import ConnectWiseApi, ConnectWiseConfig
from adapters.fields import Unreadable, as_object, folded, instant, positive_id, printable
from workers.psa.company import Company, Page, Status
from workers.psa.http import OverHttp, PsaHttp, flag_of, name_of, page_of

API: Final = "/v4_6_release/apis/3.0"
_PAGE: Final = 1000
_MOST_PAGES: Final = 20
# A company may be some kilobytes.
_COMPANIES: Final = 250


def headers_of(config: ConnectWiseConfig, api: ConnectWiseApi) -> dict[str, str]:
    """What shows who asks."""
    pair = f"{config.company}+{api.public_key}:{api.private_key}"
    basic = base64.b64encode(pair.encode()).decode("ascii")
    return {"authorization": f"Basic {basic}", "clientid": api.client_id}


class ConnectWiseClient(OverHttp):
    """One tenant."""

    def __init__(self, config: ConnectWiseConfig, api: ConnectWiseApi, http: PsaHttp) -> None:
        self._headers = headers_of(config, api)
        self._base = f"{config.api_origin}{API}/company/companies"
        self._http = http
        self._config = config
        self._known: dict[str, Status] = {}

    async def company(self, company_id: str) -> Company | None:
        """The company, or `None` if ConnectWise knows none of this id. Raises PsaError."""
        reply = await self._http.get(f"{self._base}/{company_id}", self._headers)
        if reply.status == 404:
            # One of something else, like a wrong address, says nothing about a company.
            if reply.fields.get("code") != "NotFound":
                raise self._http.unreadable(
                    "answers 404 as no API of ConnectWise does; look at its base_url"
                )
            return None
        with self._http.reading("answers no company"):
            return await self._read(as_object(reply.content, "company_malformed"))

    async def _read(self, record: dict[str, Any]) -> Company:
        if record.get("deletedFlag"):
            return self._company(record, {})
        reference = as_object(record.get("status"), "status_missing")
        status = await self._status(positive_id(reference.get("id"), "status_id"))
        return self._company(record, {status.id: status})

    def _company(self, record: dict[str, Any], statuses: Mapping[str, Status]) -> Company:
        number = positive_id(record.get("id"), "id")
        name = name_of(record)
        deleted = record.get("deletedFlag")
        if deleted is not None and not isinstance(deleted, bool):
            raise Unreadable("deleted_flag_malformed")
        info = record.get("_info")
        saved = info if isinstance(info, dict) else {}
        at, by = instant(saved.get("lastUpdated")), printable(saved.get("updatedBy"), 100)
        if deleted:
            why, gone = "it is marked as deleted", instant(record.get("dateDeleted"))
            at = max((each for each in (at, gone) if each), default=None)
            return Company(
                number, name, active=False, because=why, deleted=True, changed_at=at, changed_by=by
            )
        reference = as_object(record.get("status"), "status_missing")
        status = statuses.get(positive_id(reference.get("id"), "status_id"))
        if status is None:
            raise Unreadable("status_unknown", str(reference.get("id")))
        kind = "an inactive one" if status.inactive else "not an inactive one"
        because = f"its status is {printable(status.name, 60)!r}, {kind}"
        configured = folded(status.name) in self._config.inactive_names
        asks = configured or status.id in self._config.inactive_ids
        return Company(
            number, name, active=not status.inactive, because=because, asks=asks, changed_at=at,
            changed_by=by,
        )  # fmt: skip

    async def _status(self, status_id: str) -> Status:
        reply = await self._http.get(f"{self._base}/statuses/{status_id}", self._headers)
        if reply.status == 404:
            raise Unreadable("status_unknown", status_id)
        status = _status(reply.content)
        if status.id != status_id:
            raise Unreadable("status_mismatch", status.id)
        return status

    async def statuses(self) -> tuple[Status, ...]:
        """Every status that a company may have. Raises PsaError."""
        found: dict[str, Status] = {}
        for page in range(1, _MOST_PAGES + 1):
            query = {"pageSize": str(_PAGE), "page": str(page), "orderBy": "id"}
            reply = await self._http.get(f"{self._base}/statuses", self._headers, query)
            if reply.status == 404 or not isinstance(reply.content, list):
                raise self._http.unreadable("answers no list of statuses; look at its base_url")
            with self._http.reading("answers no statuses"):
                read = [_status(each) for each in reply.content]
            found |= {status.id: status for status in read}
            if len(read) < _PAGE:
                return tuple(found.values())
        raise self._http.unreadable("has statuses without end")

    async def page(self, after: str, since: datetime | None) -> Page:
        """The companies with the ids that follow `after`; with `since`, those changed since then.

        Raises PsaError: it does not tell.
        """
        if after == "0" or not self._known:
            self._known = {status.id: status for status in await self.statuses()}
        changed = f" and lastUpdated >= [{since:%Y-%m-%dT%H:%M:%SZ}]" if since else ""
        query = {"conditions": f"id > {after}{changed}", "orderBy": "id asc", "page": "1"}
        query["pageSize"] = str(_COMPANIES)
        reply = await self._http.get(self._base, self._headers, query)
        if reply.status == 404:
            raise self._http.unreadable("answers no list of companies; look at its base_url")
        return page_of(
            self._http, reply.content, after, lambda row: self._company(row, self._known)
        )


def _status(content: object) -> Status:
    record = as_object(content, "status_malformed")
    name = record.get("name")
    if not isinstance(name, str):
        raise Unreadable("status_name_malformed")
    inactive = flag_of(record, "inactiveFlag", "inactive_flag_missing")
    return Status(positive_id(record.get("id"), "status_id"), name, inactive)
