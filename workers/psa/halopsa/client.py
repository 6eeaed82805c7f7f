"""HaloPSA: clients. `GET /api/Client`, with pages by number, and `/api/Client/{id}`."""

from datetime import datetime
from typing import Any, Final

from adapters.fields import Unreadable, as_object, positive_id
from adapters.halopsa.config import HaloPSAApi
from workers.psa.company import Company, Page
from workers.psa.http import OverHttp, PsaHttp, flag_of, name_of
from workers.psa.oauth import Tokens

_CLIENTS: Final = 100
_MOST_PAGES: Final = 300


class HaloPSAClient(OverHttp):
    """One tenant."""

    def __init__(self, api: HaloPSAApi, http: PsaHttp) -> None:
        form = {"client_id": api.client_id, "client_secret": api.client_secret, "scope": "all"}
        tenant = f"?tenant={api.tenant}" if api.tenant else ""
        self._url = f"{api.base_url}/api/Client"
        self._http = http
        self._tokens = Tokens(http, f"{api.base_url}/auth/token{tenant}", form)

    async def company(self, company_id: str) -> Company | None:
        """The client, or `None` if HaloPSA shows none of this id.

        In which form it says so is published nowhere; that its token is good shows that it is
        HaloPSA that says so, and no event of it says that a client is gone. Raises PsaError: it
        says neither.
        """
        reply = await self._tokens.get(f"{self._url}/{company_id}")
        if reply.status == 404:
            return None
        with self._http.reading("answers no client"):
            return _company(as_object(reply.content, "client_malformed"))

    async def statuses(self) -> None:
        """Nothing: a client is active or not. Asking for some shows that the credentials work.

        Raises PsaError: the credentials do not work.
        """
        await self._listed(1)

    async def page(self, after: str, since: datetime | None) -> Page:
        """All clients at once: of pages that are counted, only the whole shows that it changed.

        Raises PsaError: it does not tell, or it changed.
        """
        if since is not None:
            raise self._http.unreadable("does not say when a client was changed")
        if after != "0":
            return Page()
        found: dict[str, Company] = {}
        faults: list[str] = []
        first, seen = None, 0
        for number in range(1, _MOST_PAGES + 1):
            total, rows = await self._listed(number)
            first = total if first is None else first
            seen += len(rows)
            for row in rows:
                try:
                    company = _company(as_object(row, "client_malformed"))
                    found[company.id] = company
                except Unreadable as error:
                    faults.append(f"a client cannot be read ({error})")
            if total != first or (seen >= total and len(found) + len(faults) != total):
                raise self._http.unreadable("changed its list of clients while it was read")
            if seen >= total:
                companies = sorted(found.values(), key=lambda each: int(each.id))
                last = companies[-1].id if companies else None
                return Page(tuple(companies), last, tuple(faults))
            if not rows:
                raise self._http.unreadable("lists fewer clients than it says that it has")
        raise self._http.unreadable("has clients without end")

    async def _listed(self, number: int) -> tuple[int, list[Any]]:
        query = {
            "pageinate": "true", "page_size": str(_CLIENTS), "page_no": str(number), "order": "id",
            "includeactive": "true", "includeinactive": "true",
        }  # fmt: skip
        reply = await self._tokens.get(self._url, query)
        total, rows = reply.fields.get("record_count"), reply.fields.get("clients")
        if isinstance(total, bool) or not isinstance(total, int) or not isinstance(rows, list):
            raise self._http.unreadable("answers no list of clients; look at its base_url")
        return total, rows


def _company(record: dict[str, Any]) -> Company:
    name, inactive = name_of(record), flag_of(record, "inactive", "inactive_missing")
    number = positive_id(record.get("id"), "id")
    because = f"inactive is {str(inactive).lower()}"
    return Company(number, name, active=not inactive, because=because)
