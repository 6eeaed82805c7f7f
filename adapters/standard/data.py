"""`data` of an event: the fields of a deletion request, from somebody who signed them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from adapters.clients import (
    folded_number,
    has_a_client,
    is_of_a_client,
    known_as,
    reactivated,
    rejected,
    says_nothing_else,
    speaks_of_a_client,
)
from adapters.fields import Identity, Unreadable, as_object, folded, printable, readable_name
from adapters.models import DeletionRequest, Reactivated, Rejected, Request
from adapters.standard.config import StandardConfig

_IDENTIFIERS = ("psa", "org_id", "org_name")


def inactive(
    config: StandardConfig,
    data: Any,  # noqa: ANN401 - any JSON
    identity: Identity,
    occurred_at: datetime | None,
    *,
    may_confirm: bool = True,
) -> tuple[Request, ...]:
    """The client became inactive.

    Types are strict and unknown fields an error, as in `POST /v1/deletions`. `may_confirm` is false
    where what makes this a request is not signed. Raises Unreadable: `data_not_object` or
    `data_invalid`, with the field and what is wrong with it.
    """
    fields = as_object(data, "data_not_object")
    try:
        request = DeletionRequest.model_validate(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "data"
        why = fault["msg"].removeprefix("Value error, ")
        detail = printable(f"{where}: {why}", 300) or ""
        raise Unreadable("data_invalid", detail) from None
    asked = request.confirm_delete if "confirm_delete" in fields else config.confirm_delete
    allowed = config.trust_flags or config.confirm_delete
    judged = request.model_copy(
        update={
            "confirm_delete": asked and allowed and may_confirm,
            "force_delete": request.force_delete and config.trust_flags and may_confirm,
            "reason": printable(request.reason, 500),
        }
    )
    client, *also = _identities(request)
    return (
        Request(
            event_id=identity.event,
            occurred_at=occurred_at,
            client=client,
            also=tuple(also),
            request=judged,
        ),
    )


def active(
    data: Any,  # noqa: ANN401 - any JSON
    identity: Identity,
    occurred_at: datetime | None,
) -> tuple[Reactivated | Rejected, ...]:
    """The client is active, under every identity that can be read.

    Nothing else of the data matters: a misspelt flag must not keep a deletion alive. Raises
    Unreadable: `data_not_object` or `client_missing`.
    """
    fields = as_object(data, "data_not_object")
    clients = known(fields)
    back = reactivated(clients, identity, occurred_at, readable_name(fields.get("org_name")))
    stated = [{name: value} for name in _IDENTIFIERS if (value := fields.get(name)) is not None]
    if all(known(each) for each in stated):
        return back
    # It may be active under the one that cannot be read, too.
    unreadable = Unreadable("identity_unreadable")
    beside = replace(identity, event=f"{identity.event}#unreadable")
    return (*back, rejected(unreadable, beside))


def known(data: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Every identity of the client that can be read; a number counts as its digits.

    So does one that has blanks, zeros or wide digits: what it names is active, however it is spelt.
    """
    if not isinstance(data, dict):
        return ()
    found: list[str] = []
    for name in _IDENTIFIERS:
        value = _lenient(data.get(name), str if name == "org_name" else folded_number)
        try:
            found += _identities(DeletionRequest.model_validate({name: value}))
        except ValidationError:
            continue
    return tuple(found)


def _lenient(value: Any, read: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case dict():
            return {key: _lenient(each, read) for key, each in value.items()}
        case bool():
            return value
        case float() if value.is_integer():
            return read(str(int(value)))
        case int() | str():
            return read(str(value))
        case _:
            return value


def is_about_a_client(
    kind: str,
    data: Any,  # noqa: ANN401 - any JSON
    known_types: Sequence[str] = ("client.active",),
) -> bool:
    """Whether an event of a type that is not known may mean that a client is active.

    It does if the type begins with a word for a client, or as a known one does, up to its last dot,
    or is one in another case; or if its data speak of a client, and it has such a word elsewhere or
    says only that something comes or goes.
    """
    meant = folded(kind)
    beginnings = {folded(each).rpartition(".")[0] + "." for each in known_types if "." in each}
    known = meant in map(folded, known_types) or meant.startswith(tuple(beginnings))
    may = has_a_client(kind) or says_nothing_else(kind)
    return known or is_of_a_client(kind) or (may and speaks_of_a_client(data))


def _identities(request: DeletionRequest) -> tuple[str, ...]:
    psa = request.psa
    return known_as(
        psa=f"{psa.integration_type}:{psa.company_id}" if psa else None,
        org=request.org_id,
        name=request.org_name,
    )
