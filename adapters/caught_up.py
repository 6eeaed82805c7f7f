"""What a PSA said when it was asked for what changed: as the body of a delivery, and its meaning.

It is written by Unglue itself and stored like what a sender posts, so that it can be shown and
replayed. It says what an event of the vendor would have said, in a form of its own.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from adapters.clients import known_as
from adapters.contract import SourceConfig
from adapters.fields import (
    Identity,
    Unreadable,
    folded,
    instant,
    json_object,
    org_name,
    positive_id,
    readable_name,
    stamped,
)
from adapters.models import (
    DeletionRequest,
    Ignored,
    PsaLink,
    Reactivated,
    Rejected,
    Request,
    Verdict,
)


def body_of(company: Mapping[str, Any]) -> bytes:
    """The body for a company as its PSA showed it: `id`, `name`, `active` and what else it said."""
    return json.dumps({"caught_up": company}, separators=(",", ":"), sort_keys=True).encode()


def read(config: SourceConfig, body: bytes, now: datetime) -> tuple[Verdict, ...]:
    """What it means for the company: one verdict."""
    identity = Identity.of(None, body, now)
    try:
        verdict = _judged(config, json_object(body).get("caught_up"), identity)
    except (Unreadable, AttributeError, KeyError, TypeError) as error:
        verdict = Rejected(event_id=identity.event, reason="caught_up_malformed", detail=str(error))
    return stamped([verdict], body)


def _judged(config: SourceConfig, company: Any, identity: Identity) -> Verdict:  # noqa: ANN401 - any JSON
    by_name = config.integration_type is None and not company["id"]
    number = None if by_name else positive_id(company["id"], "id")
    name = readable_name(company["name"])
    at = instant(company["changed_at"])
    # A change has a time, and the same one is the same event; without a time, each look is one.
    event = identity.event if at else identity.reactivation
    if config.integration_type is not None and number is not None:
        client, also = number, known_as(name=name)
    else:
        client, *rest = known_as(id=number, name=name)
        also = tuple(rest)
    if company["active"]:
        return Reactivated(event_id=event, occurred_at=at, client=client, also=also, name=name)
    own = {folded(each) for each in getattr(config, "own_member_ids", ())}
    if not company["asks"] or folded(company["changed_by"] or "") in own:
        # An event that said the same would ask for nothing.
        return Ignored(event_id=event, occurred_at=at, reason="asks_for_nothing")
    if config.integration_type is None and name is None:
        raise Unreadable("name_missing")
    link = None
    if config.integration_type is not None and number is not None:
        gone: Literal[True] | None = True if company["deleted"] else None
        link = PsaLink(integration_type=config.integration_type, company_id=number, deleted=gone)
    return Request(
        event_id=event,
        occurred_at=at,
        client=client,
        also=also,
        actor=company["changed_by"],
        request=DeletionRequest(
            psa=link,
            org_name=org_name(company["name"]),
            confirm_delete=config.confirm_delete,
            reason=f"company {number or 'without id'} is inactive in the PSA: {company['because']}"[
                :2000
            ],
        ),
    )
