"""An IT Glue that knows more links of an organization than the sandbox does, or says less of them.

Stands in front of the sandbox as an ASGI app: asks it differently, and changes what it answers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from service.sandbox.world import World
from tests.support.altered import altering

_ORGANIZATIONS = "/organizations"
_COMPANY, _TYPE = "filter[psa_id]", "filter[psa_integration_type]"


@dataclass
class Links:
    """`more`: further (integration, company) of an organization id.

    `untyped`: the filter for the integration's type is ignored. `types`: the integration that the
    included row of an organization states. `silent`: no answer states links at all.
    """

    more: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    untyped: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False

    def in_front(self, app: Starlette) -> ASGIApp:
        """The sandbox as such an IT Glue."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            meant = scope["type"] == "http" and scope["path"].startswith(_ORGANIZATIONS)
            if not meant or not (self.more or self.types or self.untyped or self.silent):
                await app(scope, receive, send)
                return
            asked = self._asked(scope["query_string"], app.state.sandbox.world)
            await app({**scope, "query_string": asked}, receive, altering(send, self._changed))

        return answer

    def _asked(self, query: bytes, world: World) -> bytes:
        """What the sandbox is asked: it knows one link an organization."""
        pairs = parse_qsl(query.decode(), keep_blank_values=True)
        wanted = dict(pairs)
        if _COMPANY not in wanted:
            return query
        company, kind = wanted[_COMPANY], wanted.get(_TYPE, "")
        rest = [pair for pair in pairs if pair[0] not in {_COMPANY, _TYPE}]
        found = [org_id for org_id, links in self.more.items() if (kind, company) in links]
        if found:
            # The filter shows all that are linked, by whichever of their links.
            first = (self.untyped.get(company, kind), company)
            found += [
                str(each.id)
                for each in world.organizations.values()
                if each.psa and (each.psa.integration, each.psa.company_id) == first
            ]
            return urlencode([*rest, ("filter[id]", ",".join(found))]).encode()
        if company in self.untyped:
            pairs = [*rest, (_COMPANY, company), (_TYPE, self.untyped[company])]
        return urlencode(pairs).encode()

    def _changed(self, status: int, body: bytes) -> bytes:
        if status != 200:
            return body
        content = json.loads(body)
        data = content.get("data") if isinstance(content, dict) else None
        rows = data if isinstance(data, list) else [data]
        for row in rows:
            if isinstance(row, dict) and row.get("type") == "organizations":
                self._change(row, content)
        return json.dumps(content).encode()

    def _change(self, row: dict[str, Any], content: dict[str, Any]) -> None:
        relationships = row.get("relationships", {})
        links = relationships.get("adapters-resources")
        if links is None:
            return
        if self.silent:
            del relationships["adapters-resources"]
            return
        included = content.setdefault("included", [])
        org_id = str(row["id"])  # which an answer may have as a number
        own = {(link["type"], link["id"]) for link in links["data"]}
        for each in included:
            if (each["type"], each["id"]) in own and org_id in self.types:
                each["attributes"]["adapter-type"] = self.types[org_id]
        for number, (kind, company) in enumerate(self.more.get(org_id, ())):
            key = {"type": "adapters-resources", "id": f"{800_000 + int(org_id)}{number}"}
            links["data"].append(key)
            attributes = {"remote-id": company, "adapter-type": kind}
            included.append({**key, "attributes": attributes})
