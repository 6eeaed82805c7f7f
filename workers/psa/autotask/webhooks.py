"""The webhooks of companies that Autotask has registered, with their fields: no screen makes them.

`CompanyWebhooks`, its `Fields` and its `ExcludedResources` (autotask.net/help, "Webhooks_Creating",
"REST_WebhooksEntity", "REST_WebhookFieldsEntity").
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.autotask.config import AutotaskApi, AutotaskConfig
from adapters.fields import folded, positive_id
from workers.psa.autotask.client import AutotaskClient
from workers.psa.http import PsaHttp
from workers.psa.registered import Registered, address_of

_COMPARED: Final = (
    "isActive", "isSubscribedToUpdateEvents", "isSubscribedToDeleteEvents", "deactivationUrl",
)  # fmt: skip
# What a field of a callout is subscribed to, and whether it always comes along.
_SUBSCRIBED, _SHOWN = "isSubscribedField", "isDisplayAlwaysField"


def wanted(public_url: str, source: str, secret: str) -> dict[str, Any]:
    """The webhook that sends every company of the tenant to a source."""
    address = address_of(public_url, source)
    return {
        "name": "Unglue",
        "webhookUrl": address,
        "deactivationUrl": address,
        "secretKey": secret,
        "isActive": True,
        "isSubscribedToCreateEvents": False,
        "isSubscribedToUpdateEvents": True,
        "isSubscribedToDeleteEvents": True,
        "sendThresholdExceededNotification": False,
    }


class Webhooks:
    """The webhooks of one tenant."""

    word = "webhook"

    def __init__(self, config: AutotaskConfig, api: AutotaskApi, http: PsaHttp) -> None:
        self._config = config
        self._client = AutotaskClient(api, http)
        self._excluded = api.excluded_resources
        self._http = http

    async def of(self, public_url: str, source: str) -> tuple[Registered, ...]:
        """The webhooks that send to a source, those that need least first. Raises PsaError."""
        rows = await self._client.rows("CompanyWebhooks", {"op": "exist", "field": "id"})
        should = wanted(public_url, source, "")
        found = []
        for row in rows:
            url = row.get("webhookUrl")
            if not isinstance(url, str) or url.rstrip("/") != should["webhookUrl"]:
                continue
            with self._http.reading("answers no webhooks"):
                number = positive_id(row.get("id"), "id")
            differs = [
                (name, row.get(name), should[name])
                for name in _COMPARED
                if row.get(name) != should[name]
            ]
            differs += await self._fields_that_differ(number)
            missing = set(self._excluded) - await self._excluded_by(number)
            differs += [("excluded resource", "none", each) for each in sorted(missing)]
            found.append(Registered(number, row, tuple(differs), self._guid(row, source)))
        return tuple(sorted(found, key=lambda each: len(each.differs)))

    def _guid(self, row: Mapping[str, Any], source: str) -> str:
        guid = row.get("webhookGUID")
        if not isinstance(guid, str) or folded(guid).strip("{}") == self._config.webhook_guid:
            return ""
        return f'set sources.{source}.webhook_guid = "{folded(guid).strip("{}")}", then restart'

    async def create(self, public_url: str, source: str) -> str:
        """Register the one that is wanted, with its fields; the number that it got is configured.

        Raises PsaError: Autotask did not take it, or nobody knows whether it did.
        """
        entry = wanted(public_url, source, self._config.secrets[0])
        made = await self._client.change("POST", "CompanyWebhooks", entry)
        with self._http.reading("does not say what it made"):
            number = positive_id(made.get("itemId"), "item_id")
        await self._put_right(number, await self._fields_that_differ(number))
        (row,) = await self._client.rows("CompanyWebhooks", _equals("id", number)) or [{}]
        return self._guid(row, source)

    async def repair(
        self, found: Registered, public_url: str, source: str, *, secret: bool = False
    ) -> None:
        """Make a webhook of ours what is wanted, switched on. Raises PsaError."""
        should = wanted(public_url, source, self._config.secrets[0])
        own = {name: should[name] for name, _, _ in found.differs if name in _COMPARED}
        own |= {"secretKey": should["secretKey"]} if secret else {}
        if own:
            entry = {"id": int(found.id), **own}
            await self._client.change("PATCH", "CompanyWebhooks", entry)
        rest = [each for each in found.differs if each[0] not in _COMPARED]
        await self._put_right(found.id, rest)

    async def remove(self, found: Registered) -> None:
        """Take a webhook of ours away. Raises PsaError."""
        await self._client.change("DELETE", f"CompanyWebhooks/{found.id}", None)

    # -- fields ----------------------------------------------------------------------------------

    def _wanted_fields(self) -> dict[str, dict[str, bool]]:
        """By their names: what a change of it does, and whether it always comes along."""
        return {
            folded(self._config.active_field): {_SUBSCRIBED: True, _SHOWN: True},
            folded(self._config.name_field): {_SUBSCRIBED: False, _SHOWN: True},
        }

    async def _fields(self, webhook: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The fields that it has, by their numbers; and the numbers of all, by their labels."""
        rows = await self._client.rows("CompanyWebhookFields", _equals("webhookID", webhook))
        by_field = {str(row.get("fieldID")): row for row in rows}
        return by_field, await self._client.field_numbers("CompanyWebhookFields")

    async def _fields_that_differ(self, webhook: str) -> list[tuple[str, Any, Any]]:
        by_field, numbers = await self._fields(webhook)
        differs = []
        for name, should in self._wanted_fields().items():
            row = by_field.get(_numbered(numbers, name) or "", {})
            now = {part: row.get(part) for part in should}
            if now != should:
                differs.append((f"field {name}", now if row else "none", should))
        return differs

    async def _excluded_by(self, webhook: str) -> set[int]:
        if not self._excluded:
            return set()
        asked = _equals("webhookID", webhook)
        rows = await self._client.rows("CompanyWebhookExcludedResources", asked)
        return {each for row in rows if isinstance(each := row.get("resourceID"), int)}

    async def _put_right(self, webhook: str, differs: Sequence[tuple[str, Any, Any]]) -> None:
        by_field, numbers = await self._fields(webhook)
        for what, _, should in differs:
            if what == "excluded resource":
                path = f"CompanyWebhooks/{webhook}/ExcludedResources"
                await self._client.change("POST", path, {"resourceID": should})
                continue
            name = what.removeprefix("field ")
            number = _numbered(numbers, name)
            if number is None:
                raise self._http.unreadable(f"has no field {name} that a webhook may show")
            path, row = f"CompanyWebhooks/{webhook}/Fields", by_field.get(number)
            if row is None:
                entry = {"fieldID": int(number), "webhookID": int(webhook), **should}
                await self._client.change("POST", path, entry)
            else:
                await self._client.change("PATCH", path, {"id": row.get("id"), **should})


def _equals(field: str, value: str) -> dict[str, str]:
    return {"op": "eq", "field": field, "value": value}


def _numbered(numbers: Mapping[str, str], name: str) -> str | None:
    """The number of a field of this name, whatever blanks Autotask's label has."""
    return numbers.get(name.replace(" ", ""))
