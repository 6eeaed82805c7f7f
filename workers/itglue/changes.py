"""The two calls that change an organization: deletion, and a new status.

Neither raises for what IT Glue does: each comes to accepted, refused or unknown.
"""

from collections.abc import Callable, Mapping
from functools import partial

from workers.itglue.http.decode import attribute, checked_id, resources, text_id
from workers.itglue.http.explanations import REFUSALS, deletion_refused, status_refused, unanswered
from workers.itglue.http.failures import CallFailed
from workers.itglue.http.replies import Payload, Reply, told
from workers.itglue.http.transport import JustBefore, Transport
from workers.itglue.models import ChangeAnswer
from workers.itglue.organizations import PATH


async def delete(
    transport: Transport, org_id: str, just_before: JustBefore | None = None
) -> ChangeAnswer:
    """`DELETE /organizations`: the documented array, holding this one id, and no query string.

    A filter here would be a mass deletion, and IT Glue ignores a filter that it does not know.
    """
    number = int(checked_id(org_id))
    return await _change(
        transport,
        ("DELETE", PATH),
        {"data": [{"type": "organizations", "attributes": {"id": number}}]},
        just_before,
        org_id,
        what=f"the deletion of organization {org_id}",
        names=lambda payload: names_only(payload, org_id),
        explain=partial(deletion_refused, org_id),
    )


async def set_status(
    transport: Transport, org_id: str, status_id: str, just_before: JustBefore | None = None
) -> ChangeAnswer:
    """`PATCH /organizations/:id` with nothing but the status."""
    number = int(checked_id(status_id, "status id"))
    attributes = {"organization-status-id": number}
    return await _change(
        transport,
        ("PATCH", f"{PATH}/{checked_id(org_id)}"),
        {"data": {"type": "organizations", "attributes": attributes}},
        just_before,
        org_id,
        what=f"the change of status of organization {org_id}",
        names=lambda payload: (
            names_only(payload, org_id)
            and text_id(attribute(resources(payload)[0].attributes, "organization-status-id"))
            == status_id
        ),
        explain=partial(status_refused, org_id),
    )


def names_only(payload: Payload, org_id: str) -> bool:
    """Whether an answer names exactly this organization, by `id`, by `attributes.id` or both."""
    rows = resources(payload)
    if len(rows) != 1:
        return False
    stated = (rows[0].id or None, attribute(rows[0].attributes, "id"))
    return {text_id(value) for value in stated if value is not None} == {org_id}


async def _change(
    transport: Transport,
    call: tuple[str, str],
    body: Mapping[str, object],
    just_before: JustBefore | None,
    org_id: str,
    *,
    what: str,
    names: Callable[[Payload], bool],
    explain: Callable[[int, str], str],
) -> ChangeAnswer:
    try:
        reply = await transport.exchange(
            *call, body=body, destructive=True, just_before=just_before
        )
    except CallFailed as error:
        if not error.sent:
            return ChangeAnswer("refused", None, error.message)
        return ChangeAnswer("unknown", error.status, unanswered(what, error.message))
    return judge(reply, org_id, what=what, names=names, explain=explain)


def judge(
    reply: Reply,
    org_id: str,
    *,
    what: str,
    names: Callable[[Payload], bool],
    explain: Callable[[int, str], str],
) -> ChangeAnswer:
    """What an answer to a change of this organization amounts to. Pure."""
    if reply.status in REFUSALS:
        return ChangeAnswer("refused", reply.status, explain(reply.status, reply.said))
    payload = reply.payload
    if reply.status != 200 or payload is None:
        return ChangeAnswer("unknown", reply.status, unanswered(what, told(reply)))
    why = "the answer does not name exactly what was sent"
    others: tuple[str, ...] = ()
    try:
        others = _others(payload, org_id)
        if payload.get("errors"):
            why = told(reply)
        elif names(payload):
            return ChangeAnswer("accepted", 200)
    except CallFailed as error:
        why = error.message
    return ChangeAnswer("unknown", 200, unanswered(what, why), others)


def _others(payload: Payload, org_id: str) -> tuple[str, ...]:
    """Organizations that an answer names beside this one."""
    stated = (
        text_id(value)
        for row in resources(payload)
        if row.type in {"", "organizations"}
        for value in (row.id, attribute(row.attributes, "id"))
    )
    return tuple(dict.fromkeys(each for each in stated if each is not None and each != org_id))
