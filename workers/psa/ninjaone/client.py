"""NinjaOne: organizations. There is none that is inactive: it is there, or it was deleted.

Public API 2.0.9 (`GET /v2/organizations`, `/v2/organization/{id}`, `/v2/activities`).
"""

import math
from datetime import datetime
from typing import Any, Final

from adapters.fields import as_object, positive_id
from adapters.ninjaone.config import NinjaOneApi
from workers.psa.company import Company, Page
from workers.psa.http import OverHttp, PsaHttp, name_of, page_of
from workers.psa.oauth import Tokens

_ORGANIZATIONS: Final = 500
# The most that NinjaOne answers at once.
_ACTIVITIES: Final = 1000
_MOST_PAGES: Final = 300


def tokens_of(api: NinjaOneApi, http: PsaHttp) -> Tokens:
    """The requests of this API client."""
    form = {"client_id": api.client_id, "client_secret": api.client_secret}
    scope = {"scope": "monitoring management"}
    return Tokens(http, f"{api.base_url}/ws/oauth/token", {**form, **scope})


class NinjaOneClient(OverHttp):
    """One instance."""

    def __init__(self, api: NinjaOneApi, http: PsaHttp) -> None:
        self._base = f"{api.base_url}/v2"
        self._class = api.activity_class
        self._http = http
        self._tokens = tokens_of(api, http)

    async def company(self, company_id: str) -> Company | None:
        """The organization, or `None` if NinjaOne knows none of this id. Raises PsaError."""
        reply = await self._tokens.get(f"{self._base}/organization/{company_id}")
        if reply.status == 404:
            # A wrong address answers 404 as well, and not in this form.
            if "resultCode" not in reply.fields and "errorMessage" not in reply.fields:
                raise self._http.unreadable(
                    "answers 404 as no API of NinjaOne does; look at its base_url"
                )
            return None
        with self._http.reading("answers no organization"):
            return _company(as_object(reply.content, "organization_malformed"))

    async def statuses(self) -> None:
        """Nothing: an organization is there or not. Asking for one shows that the keys work.

        Raises PsaError: the credentials do not work.
        """
        await self.page("0", None)

    async def page(self, after: str, since: datetime | None) -> Page:
        """The organizations with the ids that follow `after`; NinjaOne does not say since when.

        Raises PsaError: it does not tell.
        """
        if since is not None:
            raise self._http.unreadable("does not say when an organization was changed")
        query = {"pageSize": str(_ORGANIZATIONS), "after": after}
        reply = await self._tokens.get(f"{self._base}/organizations", query)
        return page_of(self._http, reply.content, after, _company)

    async def newest_activity(self) -> int:
        """The number of the newest activity. Raises PsaError."""
        newest, _ = await self._logged({"pageSize": "10"})
        return newest

    async def activities(self, after: int) -> list[dict[str, Any]]:
        """The activities of the class with numbers above `after`, the newest first, all of them.

        Raises PsaError: it does not tell all of them.
        """
        found: list[dict[str, Any]] = []
        older: dict[str, str] = {}
        below: float = math.inf
        for _ in range(_MOST_PAGES):
            asked = {"pageSize": str(_ACTIVITIES), "newerThan": str(after), **older}
            newest, rows = await self._logged(asked)
            if newest < after:
                raise self._http.unreadable(
                    f"has {newest} as its newest activity, and had {after} before"
                )
            if not rows:
                return found
            for row in rows:
                with self._http.reading("lists no activities"):
                    number = int(positive_id(as_object(row, "not_object").get("id"), "id"))
                if not after < number < below:
                    raise self._http.unreadable(f"lists activity {number}, not asked for")
                below = number
            found += rows
            older = {"olderThan": str(below)}
        raise self._http.unreadable("has activities without end")

    async def _logged(self, query: dict[str, str]) -> tuple[int, list[dict[str, Any]]]:
        asked = {"class": self._class, **query}
        reply = await self._tokens.get(f"{self._base}/activities", asked)
        newest, rows = reply.fields.get("lastActivityId"), reply.fields.get("activities")
        if not isinstance(newest, int) or not isinstance(rows, list):
            raise self._http.unreadable("answers no list of activities; look at its base_url")
        return newest, rows


def _company(record: dict[str, Any]) -> Company:
    name, number = name_of(record), positive_id(record.get("id"), "id")
    return Company(number, name, active=True, because="it is there, and was not deleted")
