"""What each vendor posts when a client changes, to whatever is registered with it."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from adapters.autotask.signature import HEADER as AUTOTASK_HEADER
from adapters.autotask.signature import signature_of as autotask_signature
from adapters.connectwise.signature import HEADER as CONNECTWISE_HEADER
from adapters.connectwise.signature import signature_of as connectwise_signature
from adapters.fields import folded
from service.sandbox.psa.connectwise import COMPANY
from service.sandbox.psa.sending import Habits, Outgoing
from service.sandbox.psa.tenant import Tenant, written

KEY_PATH: Final = "/v4_6_release/system/callbackkey/index.rails"


@dataclass(frozen=True)
class Change:
    """Somebody saves a client, or deletes it."""

    number: int
    name: str
    active: bool = True
    deleted: bool = False


Post = Callable[[Tenant, Outgoing, Change, str, str], None]


def connectwise(tenant: Tenant, out: Outgoing, change: Change, origin: str, key: str) -> None:
    """A callback for each entry that is on. What was deleted comes without its record."""
    if change.deleted:
        tenant.companies.pop(str(change.number), None)
    else:
        tenant.company(change.number, change.name, 1 if change.active else 2)
    entity = tenant.companies.get(str(change.number))
    for entry in tenant.callbacks:
        if folded(entry["type"]) != "company" or entry.get("inactiveFlag"):
            continue
        action = "deleted" if change.deleted else "updated"
        body = _compact(
            {
                "Action": action,
                "CallbackObjectRecId": entry["id"],
                "CompanyId": COMPANY,
                "Entity": None if entity is None else json.dumps(entity),
                "FromUrl": "na.myconnectwise.net",
                "ID": change.number,
                "MemberId": "admin1",
                "MessageId": secrets.token_hex(16),
                "Metadata": {"key_url": f"{origin}{KEY_PATH}?companyName={COMPANY}&id=1"},
                "Type": "company",
            }
        )
        url = f"{entry['url']}{change.number}&action={action}"
        headers = {CONNECTWISE_HEADER: connectwise_signature(body, key)}
        out.send(url, body, headers, _switch(entry, "inactiveFlag", on=True))


def autotask(tenant: Tenant, out: Outgoing, change: Change, origin: str, key: str) -> None:
    """A callout for each webhook that is on and subscribes to what changed."""
    del origin, key
    if change.deleted:
        tenant.accounts.pop(str(change.number), None)
    else:
        tenant.account(change.number, change.name, active=change.active)
    for hook in tenant.webhooks:
        if not hook.get("isActive"):
            continue
        shown = {row["fieldID"] for row in tenant.fields
                 if row["webhookID"] == hook["id"] and row["isDisplayAlwaysField"]}  # fmt: skip
        fields = {}
        if 5 in shown:
            fields["IsActive"] = str(change.active)
        if 3 in shown:
            fields["CompanyName"] = change.name
        hook["sequence"] = hook.get("sequence", 0) + 1
        number = hook["sequence"]
        body = _compact(
            {
                "Action": "Delete" if change.deleted else "Update",
                "Guid": hook["webhookGUID"],
                "EntityType": "Account",
                "Id": change.number,
                "Fields": fields,
                "EventTime": written(tenant.clock()),
                "SequenceNumber": number,
                "PersonID": 30691780,
            }
        )
        headers = {AUTOTASK_HEADER: autotask_signature(body, hook["secretKey"])}

        def gave_up(status: int | None, hook: dict[str, Any] = hook, number: int = number) -> None:
            tenant.errors.append(
                {
                    "id": len(tenant.errors) + 1,
                    "accountWebhookID": hook["id"],
                    "createDateTime": written(tenant.clock()),
                    "errorMessage": f"HTTP {status}" if status else "no answer",
                    "sequenceNumber": number,
                }
            )

        out.send(hook["webhookUrl"], body, headers, _switch(hook, "isActive", on=False), gave_up)


def ninjaone(tenant: Tenant, out: Outgoing, change: Change, origin: str, key: str) -> None:
    """An activity for the one webhook, if it asks for its code."""
    del origin, key
    if change.deleted:
        tenant.organizations.pop(str(change.number), None)
    else:
        tenant.organization(change.number, change.name)
    code = "CLIENT_DELETED" if change.deleted else "CLIENT_UPDATED"
    activity, hook = tenant.activity(code, change.number, change.name), tenant.webhook
    if hook is None or code not in hook.get("activities", {}).get("SYSTEM", [code]):
        return
    out.send(hook["url"], _compact(activity), _agreed(hook))


def halopsa(tenant: Tenant, out: Outgoing, change: Change, origin: str, key: str) -> None:
    """The body that the adapter's README has one write, for the webhook that a person set up."""
    del origin, key
    inactive = change.deleted or not change.active
    if change.deleted:
        tenant.clients.pop(str(change.number), None)
    else:
        tenant.client(change.number, change.name, active=change.active)
    if tenant.webhook is None:
        return
    body = _compact(
        {
            "client_id": str(change.number),
            "client_name": change.name,
            "inactive": str(inactive),
            "occurred_at": written(tenant.clock()),
        }
    )
    out.send(tenant.webhook["url"], body, _agreed(tenant.webhook))


POSTS: Final[Mapping[str, Post]] = {
    "connectwise": connectwise,
    "autotask": autotask,
    "ninjaone": ninjaone,
    "halopsa": halopsa,
}


# What is published of how they deliver; of NinjaOne and HaloPSA nothing is.
HABITS: Final[Mapping[str, Habits]] = {
    # ConnectWise tries again after these only (developer.connectwise.com, "PSA Callbacks").
    "connectwise": Habits(again=frozenset({404, 409, 419, 429}), days=timedelta(days=3)),
    "autotask": Habits(failures=25),
}


def _switch(entry: dict[str, Any], name: str, *, on: bool) -> Callable[[], None]:
    def switch() -> None:
        entry[name] = on

    return switch


def _agreed(hook: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in hook.get("headers", ())}


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
