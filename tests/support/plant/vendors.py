"""Deliveries of three vendors about one crowd, in an order in which they may come."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from adapters.rehearsal import compact, timestamp
from service.demo.stand_ins import KEY_PATH

HOST, COMPANY, KEY = "na.myconnectwise.net", "Cobalt", "a-signing-key-of-the-tests"
GUID = "a1da62a4-2c49-40a8-8183-69994ce5b3eb"
SECRET = "a-secret-of-the-tests"
# Client n belongs to source n modulo 3; the crowd is linked in the same order.
SOURCES = ("cw", "at", "rw")
VENDOR = {"cw": "connectwise", "at": "autotask", "rw": "standard"}
LINKS = ("manage", "autotask", "manage")

Kind = Literal["inactive", "active", "other"]


def configuration(key_origin: str) -> str:
    """The tables of the two sources that a plant does not have."""
    return f"""
[sources.cw]
vendor = "connectwise"
host = "{HOST}"
company = "{COMPANY}"
key_origin = "{key_origin}"
confirm_delete = true

[sources.at]
vendor = "autotask"
secrets = ["{SECRET}"]
webhook_guid = "{GUID}"
confirm_delete = true
"""


@dataclass(frozen=True)
class Sent:
    """One delivery. The same event twice is a duplicate."""

    client: int
    kind: Kind
    event_id: str
    at: datetime

    @property
    def source(self) -> str:
        return SOURCES[self.client % len(SOURCES)]

    def body(self, key_origin: str) -> bytes:
        """What its vendor sends."""
        bodies = {"cw": self._connectwise, "at": self._autotask, "rw": self._standard}
        return compact(bodies[self.source](key_origin))

    def _connectwise(self, key_origin: str) -> Mapping[str, Any]:
        status = "Active" if self.kind == "active" else "Inactive"
        entity = {
            "id": self.client,
            "name": f"Client {self.client}",
            "status": {"id": 2, "name": status},
            "deletedFlag": False,
            "_info": {"lastUpdated": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"), "updatedBy": "api"},
        }
        return {
            "Action": "updated",
            "CompanyId": COMPANY,
            "Entity": json.dumps(entity),
            "FromUrl": HOST,
            "ID": self.client,
            "MemberId": "api",
            "MessageId": self.event_id,
            "Metadata": {"key_url": f"{key_origin}{KEY_PATH}?companyName={COMPANY}&id=soak"},
            "Type": "contact" if self.kind == "other" else "company",
        }

    def _autotask(self, _key_origin: str) -> Mapping[str, Any]:
        return {
            "Action": "Update",
            "Guid": GUID,
            "EntityType": "Ticket" if self.kind == "other" else "Account",
            "Id": self.client,
            "Fields": {
                "IsActive": str(self.kind == "active"),
                "CompanyName": f"Client {self.client}",
            },
            "EventTime": timestamp(self.at),
            "RehearsalId": self.event_id,
        }

    def _standard(self, _key_origin: str) -> Mapping[str, Any]:
        words = {"inactive": "client.inactive", "active": "client.active", "other": "ticket.moved"}
        link = {"integration_type": "manage", "company_id": str(self.client)}
        data = {"psa": link, "org_name": f"Client {self.client}"}
        return {"type": words[self.kind], "timestamp": timestamp(self.at), "data": data}


def deliveries(
    clients: int, each: int, came_back: float, now: datetime, random: Random
) -> Iterator[list[Sent]]:
    """The `each` deliveries of every client, in their order.

    It becomes inactive; that is said again under the same and under another id, among events that
    mean nothing. The share `came_back` of the clients is active again at the end.
    """
    for client in range(1, clients + 1):
        began = now - timedelta(minutes=30)
        first = Sent(client, "inactive", f"{client}-inactive", began)
        again = Sent(client, "inactive", f"{client}-again", began + timedelta(minutes=1))
        back = Sent(client, "active", f"{client}-active", began + timedelta(minutes=2))
        others = [
            random.choice((first, again, Sent(client, "other", f"{client}-{number}", began)))
            for number in range(each - 2)
        ]
        last = back if random.random() < came_back else first
        # Most come back while the deletion is under way, some before it has begun.
        place = random.randrange(len(others) + 1)
        yield [first, *others[:place], last, *others[place:]]
