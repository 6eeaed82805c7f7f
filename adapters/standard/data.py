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

_MOST_READ = 4096
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
    if _each_is_known(fields):
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


def concerned(data: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Which client it may be about, where it cannot be read whole: if not all it says, anybody."""
    return known(data) if isinstance(data, dict) and _each_is_known(data) else ()


def _each_is_known(fields: dict[str, Any]) -> bool:
    stated = [{name: value} for name in _IDENTIFIERS if (value := fields.get(name)) is not None]
    return all(known(each) for each in stated)


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
    known_types: Sequence[str] = ("client.active", "client.inactive"),
) -> bool:
    """Whether an event of a type that is not known may mean that a client is active.

    It does if the type begins with a word for a client, or as a known one does, up to its last dot,
    or is one in another case; or if its data speak of a client, and it has such a word elsewhere or
    says only that something comes or goes; or if an event of a known type lies in its data.
    """
    meant, known = folded(kind), tuple(map(folded, known_types))
    beginnings = tuple({each.rpartition(".")[0] + "." for each in known if "." in each})
    may = has_a_client(kind) or says_nothing_else(kind)
    speaks = is_of_a_client(kind) or (may and speaks_of_a_client(data))
    return meant in known or meant.startswith(beginnings) or speaks or _wraps(data, known)


def _wraps(data: Any, known: Sequence[str]) -> bool:  # noqa: ANN401 - any JSON
    """Whether an event of a known type lies in it: a gateway may hand one on like that."""
    match data:
        case dict():
            return any(_wraps(each, known) for each in data.values())
        case list():
            return any(_wraps(each, known) for each in data)
        case str():
            # Perhaps in a text that is JSON, as queues carry it.
            text = folded(data[:_MOST_READ])
            return text in known or any(f'"{each}"' in text for each in known)
        case _:
            return False


def _identities(request: DeletionRequest) -> tuple[str, ...]:
    psa = request.psa
    return known_as(
        psa=f"{psa.integration_type}:{psa.company_id}" if psa else None,
        org=request.org_id,
        name=request.org_name,
    )
