"""The callbacks that ConnectWise has registered: no screen of it shows or makes them.

What is to be registered and how an entry differs from it is pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.connectwise.config import ConnectWiseApi, ConnectWiseConfig
from adapters.fields import folded, positive_id
from workers.psa.connectwise.client import API, headers_of
from workers.psa.http import PsaHttp
from workers.psa.registered import Registered, address_of

_PAGE: Final = 1000
_MOST_PAGES: Final = 20
# What decides whether its callbacks arrive and say all. ConnectWise stores another `objectId` for
# every company than it is sent, and what `payloadVersion` changes is not documented.
_COMPARED: Final = ("url", "level", "inactiveFlag", "isSelfSuppressedFlag")


def wanted(public_url: str, source: str) -> dict[str, Any]:
    """The entry that sends every company of the tenant to a source."""
    return {
        "description": "Unglue",
        # ConnectWise glues the record's id to it.
        "url": f"{address_of(public_url, source)}?recordId=",
        "objectId": 1,
        "type": "company",
        "level": "owner",
        "payloadVersion": "3.0.0",
        "inactiveFlag": False,
        "isSelfSuppressedFlag": True,
    }


def ours(
    entries: Sequence[Mapping[str, Any]], public_url: str, source: str
) -> tuple[Registered, ...]:
    """The company entries that send to a source, those that need least first. Raises Unreadable."""
    address, should = address_of(public_url, source), wanted(public_url, source)
    found = []
    for entry in entries:
        url, kind = entry.get("url"), entry.get("type")
        if not isinstance(url, str) or not isinstance(kind, str):
            continue
        if url.partition("?")[0].rstrip("/") != address or folded(kind) != "company":
            continue
        differs = tuple(
            (name, entry.get(name), should[name])
            for name in _COMPARED
            if _plain(entry.get(name)) != should[name]
        )
        found.append(Registered(positive_id(entry.get("id"), "id"), entry, differs))
    return tuple(sorted(found, key=lambda each: len(each.differs)))


def _plain(value: object) -> object:
    """A level in any case is that level; a URL's case counts."""
    return folded(value) if isinstance(value, str) and "/" not in value else value


class Callbacks:
    """The entries of one tenant."""

    word = "callback"

    def __init__(self, config: ConnectWiseConfig, api: ConnectWiseApi, http: PsaHttp) -> None:
        self._headers = headers_of(config, api)
        self._url = f"{config.api_origin}{API}/system/callbacks"
        self._http = http

    async def of(self, public_url: str, source: str) -> tuple[Registered, ...]:
        """The entries that send companies to a source, those that need least first.

        Raises PsaError: ConnectWise does not tell.
        """
        entries: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            query = {"pageSize": str(_PAGE), "page": str(page), "orderBy": "id"}
            reply = await self._http.get(self._url, self._headers, query)
            content = reply.content
            if reply.status == 404 or not isinstance(content, list):
                raise self._http.unreadable("answers no list of callbacks")
            entries += [each for each in content if isinstance(each, dict)]
            if len(content) < _PAGE:
                break
        else:
            raise self._http.unreadable("has callbacks without end")
        with self._http.reading("answers no callbacks"):
            return ours(entries, public_url, source)

    async def create(self, public_url: str, source: str) -> str:
        """Register the one that is wanted; nothing more is to be done. Raises PsaError."""
        entry = wanted(public_url, source)
        reply = await self._http.send("POST", self._url, self._headers, content=entry)
        self._require_taken(reply.status)
        return ""

    async def repair(
        self, found: Registered, public_url: str, source: str, *, secret: bool = False
    ) -> None:
        """Make an entry of ours what is wanted, as far as it is compared. Raises PsaError."""
        del secret
        should = wanted(public_url, source)
        # That of another level would be the id of a status or of one company.
        set_right = (*_COMPARED, "objectId")
        entry = {**found.entry, **{name: should[name] for name in set_right}}
        entry.pop("_info", None)
        url = f"{self._url}/{found.id}"
        reply = await self._http.send("PUT", url, self._headers, content=entry)
        self._require_taken(reply.status)

    async def remove(self, found: Registered) -> None:
        """Take an entry of ours away. Raises PsaError."""
        # One that is not there any more is gone as well.
        await self._http.send("DELETE", f"{self._url}/{found.id}", self._headers)

    def _require_taken(self, status: int) -> None:
        if status == 404:
            raise self._http.unreadable("knows no such callback")
