"""ConnectWise PSA: companies, and the statuses that say which of them are inactive.

REST API 3.0 of the PSA OpenAPI 2025.1. A company's own `status` is only a reference: whether it is
an inactive one says `inactiveFlag` of the status.
"""

import base64
from typing import Any, Final

from adapters.connectwise.config import ConnectWiseApi, ConnectWiseConfig
from adapters.fields import Unreadable, as_object, positive_id, printable
from workers.psa.company import Company, Status
from workers.psa.http import PsaHttp

API: Final = "/v4_6_release/apis/3.0"
_PAGE: Final = 1000
_MOST_PAGES: Final = 20


def headers_of(config: ConnectWiseConfig, api: ConnectWiseApi) -> dict[str, str]:
    """What shows who asks."""
    pair = f"{config.company}+{api.public_key}:{api.private_key}"
    basic = base64.b64encode(pair.encode()).decode("ascii")
    return {"authorization": f"Basic {basic}", "clientid": api.client_id}


class ConnectWiseClient:
    """One tenant."""

    def __init__(self, config: ConnectWiseConfig, api: ConnectWiseApi, http: PsaHttp) -> None:
        self._headers = headers_of(config, api)
        self._base = f"{config.api_origin}{API}/company/companies"
        self._http = http

    async def company(self, company_id: str) -> Company | None:
        """The company, or `None` if ConnectWise knows none of this id.

        Raises:
            PsaUnreachable, PsaRefused, PsaAnswerUnreadable: it says neither.
        """
        reply = await self._http.get(f"{self._base}/{company_id}", self._headers)
        if reply.status == 404:
            self._require_not_found(reply.content)
            return None
        try:
            return await self._read(as_object(reply.content, "company_malformed"))
        except Unreadable as error:
            raise self._http.unreadable(f"answers no company ({error})") from None

    def _require_not_found(self, content: object) -> None:
        """A 404 of something else, like a wrong address, says nothing about a company."""
        code = content.get("code") if isinstance(content, dict) else None
        if code != "NotFound":
            raise self._http.unreadable(
                "answers 404 as no API of ConnectWise does; look at its base_url"
            )

    async def _read(self, record: dict[str, Any]) -> Company:
        number = positive_id(record.get("id"), "id")
        name = record.get("name")
        if not isinstance(name, str) or not name:
            raise Unreadable("name_missing")
        deleted = record.get("deletedFlag")
        if deleted is not None and not isinstance(deleted, bool):
            raise Unreadable("deleted_flag_malformed")
        if deleted:
            return Company(number, name, active=False, because="it is marked as deleted")
        reference = as_object(record.get("status"), "status_missing")
        status = await self._status(positive_id(reference.get("id"), "status_id"))
        kind = "an inactive one" if status.inactive else "not an inactive one"
        shown = printable(status.name, 60)
        because = f"its status is {shown!r}, {kind}"
        return Company(number, name, active=not status.inactive, because=because)

    async def _status(self, status_id: str) -> Status:
        reply = await self._http.get(f"{self._base}/statuses/{status_id}", self._headers)
        if reply.status == 404:
            raise Unreadable("status_unknown", status_id)
        status = _status(reply.content)
        if status.id != status_id:
            raise Unreadable("status_mismatch", status.id)
        return status

    async def statuses(self) -> tuple[Status, ...]:
        """Every status that a company may have.

        Raises:
            PsaUnreachable, PsaRefused, PsaAnswerUnreadable: it does not tell.
        """
        found: dict[str, Status] = {}
        for page in range(1, _MOST_PAGES + 1):
            query = {"pageSize": str(_PAGE), "page": str(page), "orderBy": "id"}
            reply = await self._http.get(f"{self._base}/statuses", self._headers, query)
            if reply.status == 404 or not isinstance(reply.content, list):
                raise self._http.unreadable("answers no list of statuses; look at its base_url")
            try:
                read = [_status(each) for each in reply.content]
            except Unreadable as error:
                raise self._http.unreadable(f"answers no statuses ({error})") from None
            found |= {status.id: status for status in read}
            if len(read) < _PAGE:
                return tuple(found.values())
        raise self._http.unreadable("has statuses without end")


def _status(content: object) -> Status:
    record = as_object(content, "status_malformed")
    name, inactive = record.get("name"), record.get("inactiveFlag")
    if not isinstance(name, str):
        raise Unreadable("status_name_malformed")
    if not isinstance(inactive, bool):
        raise Unreadable("inactive_flag_missing")
    return Status(positive_id(record.get("id"), "status_id"), name, inactive)
