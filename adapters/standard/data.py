"""`data` of an event: the fields of a deletion request, from somebody who signed them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, get_args

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
from adapters.fields import (
    Identity,
    Unreadable,
    as_object,
    folded,
    json_value,
    printable,
    readable_name,
)
from adapters.likeness import likeness
from adapters.models import DeletionRequest, PsaIntegration, Reactivated, Rejected, Request
from adapters.standard.config import StandardConfig

# The identifiers, by their names without case and signs.
_MEANT: Final = {
    "psa": "psa",
    "orgid": "org_id", "organizationid": "org_id",
    "orgname": "org_name", "organizationname": "org_name",
}  # fmt: skip
_ORDER: Final = ("psa", "org_id", "org_name")
_SIGNS: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"\d+")
_MOST_VALUES: Final = 50
_MOST_DIGITS_IN: Final = 200
_MOST_READ: Final = 4096


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
    stated = _stated(data)
    if stated is None:
        as_object(data, "data_not_object")
    names = [readable_name(value) for meant, value in stated or () if meant == "org_name"]
    back = reactivated(_known_by(stated), identity, occurred_at, names[0] if names else None)
    if all(_is_plain(meant, value) for meant, value in stated or ()):
        return back
    # It may be active under the one that cannot be read, too.
    unreadable = Unreadable("identity_unreadable")
    beside = replace(identity, event=f"{identity.event}#unreadable")
    return (*back, rejected(unreadable, beside))


def known(data: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Every identity of the client that can be read, however its names and numbers are spelt.

    A number counts as each run of its digits, and one of an integration that is not known as one of
    any. Taking a client for one more can only keep a deletion from happening.
    """
    return _known_by(_stated(data))


def named(data: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """Which clients an event may be about that is not understood; none: any of its source.

    Data in a list are of several. Where one is not named, or not beyond doubt, it may be any.
    """
    several = data if isinstance(data, list) else [data]
    stated = [_stated(one) for one in several]
    plain = all(each and all(_is_plain(*one) for one in each) for each in stated)
    if not plain or len(several) > _MOST_VALUES:
        return ()
    return tuple(dict.fromkeys(form for each in stated for form in _known_by(each)))


def named_in(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The same of an event whose data may stand beside its type, or under another key."""
    data = event.get("data")
    objects = (each for each in event.values() if isinstance(each, dict))
    places = [data] if data is not None else [event, *objects]
    return next((found for place in places if (found := named(place))), ())


def _known_by(stated: Iterable[tuple[str, Any]] | None) -> tuple[str, ...]:
    ordered = sorted(stated or (), key=_certainty)
    return tuple(dict.fromkeys(form for each in ordered for form in _forms(*each)))


def _certainty(stated: tuple[str, Any]) -> tuple[bool, int]:
    """In which order they are: what is plain first, and then as `known_as` has it."""
    return not _is_plain(*stated), _ORDER.index(stated[0])


def _stated(data: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401 - any JSON
    """The identifiers among the data, which may be JSON in a text; `None` if it is no object."""
    if isinstance(data, str):
        try:
            data = json_value(data)
        except Unreadable:
            return None
    if not isinstance(data, dict):
        return None
    return [
        (meant, value)
        for name, value in data.items()
        if value is not None and (meant := _MEANT.get(_word(name)))
    ]


def _word(name: str) -> str:
    return _SIGNS.sub("", likeness(name))


def _forms(meant: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if meant == "psa":
        for link in value if isinstance(value, list) else [value]:
            fields = link if isinstance(link, dict) else {"company_id": link}
            kind, numbers = _link(fields)
            for number in numbers:
                for each in (kind,) if kind else get_args(PsaIntegration):
                    yield from known_as(name=None, psa=f"{each}:{number}")
    elif meant == "org_id":
        for text in _texts(value):
            for number in _digits(text):
                yield from known_as(name=None, org=number)
    else:
        for text in _texts(value):
            yield from known_as(name=readable_name(text))


def _link(fields: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The integration of a link to a PSA, if it is known, and what may be the company's number."""
    kind, numbers = None, list[str]()
    for name, value in fields.items():
        match _word(name):
            case "integrationtype":
                said = likeness(value) if isinstance(value, str) else ""
                kind = said if said in get_args(PsaIntegration) else kind
            case "companyid":
                for text in _texts(value):
                    numbers += [text, *_digits(text)]
            case _:
                pass
    return kind, numbers


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """The texts and numbers of a value or of a list, as texts; none if they are too many."""
    values = value if isinstance(value, list) else [value]
    texts = [
        str(int(each) if isinstance(each, float) and each.is_integer() else each)
        for each in values
        if isinstance(each, int | float | str) and not isinstance(each, bool)
    ]
    # Half a character is no text, and cannot be written down.
    plain = [text.encode(errors="ignore").decode() for text in texts]
    return [text for text in plain if text.strip()] if len(values) <= _MOST_VALUES else []


def _digits(text: str) -> list[str]:
    """Each run of digits in a text, as a number."""
    return [folded_number(run) for run in _DIGITS.findall(likeness(text[:_MOST_DIGITS_IN]))]


def _is_plain(meant: str, value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether it names one client beyond doubt."""
    if meant == "org_name":
        return readable_name(value) is not None
    if meant == "psa":
        kind, numbers = _link(value) if isinstance(value, dict) else (None, [])
        return kind is not None and bool(numbers)
    numbers = [folded_number(text) for text in _texts(value)]
    return len(numbers) == 1 and numbers == _digits(numbers[0])


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
