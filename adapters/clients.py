"""By what a client is known to a sender that may name it by id, by name, or by both."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from adapters.fields import Identity, Unreadable
from adapters.likeness import bare, drawn, likeness
from adapters.models import Reactivated, Rejected


def known_as(*, name: str | None, **ids: str | None) -> tuple[str, ...]:
    """Every identity of a client, the most certain first: `id:5`, `name:example client`.

    Names and numbers are folded: taking two clients for one can only keep a deletion from
    happening. A name with signs in it is also known without them, and one with letters of another
    alphabet by those that they look like.
    """
    found = [f"{kind}:{folded_number(value)}" for kind, value in ids.items() if value]
    return (*found, *_named(name)) if name else tuple(found)


# An event's name is asked for by its adapter, and again for its request.
@lru_cache(maxsize=8)
def _named(name: str) -> tuple[str, ...]:
    likely = likeness(name)
    plain = bare(likely) or likely
    return tuple(f"name:{form}" for form in dict.fromkeys((likely, plain, drawn(plain))))


def reactivated(
    clients: Sequence[str],
    identity: Identity,
    occurred_at: datetime | None,
    name: str | None = None,
) -> tuple[Reactivated, ...]:
    """The client is active under every identity it has.

    The inactive event may have named it by another one of them. Raises Unreadable:
    `client_missing`; it has none.
    """
    if not clients:
        raise Unreadable("client_missing")
    client, *also = clients
    return (
        Reactivated(
            event_id=identity.reactivation,
            occurred_at=occurred_at,
            client=client,
            also=tuple(also),
            name=name,
        ),
    )


def folded_number(identifier: str) -> str:
    """A number, perhaps behind the name of what counts so, as it is compared: `manage:250`."""
    counter, colon, number = likeness(identifier).rpartition(":")
    number = number.strip()
    if number.isdecimal():
        # Digits of any script.
        number = "".join(str(unicodedata.decimal(digit)) for digit in number)
        number = number.lstrip("0") or number
    return counter + colon + number


_CLIENTS: Final = ("client", "customer", "compan", "organi", "account", "tenant")
_MOST_READ: Final = 200
_ORG: Final = {"org", "orgs"}
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# What happened, and nothing of whom or what.
_HAPPENED: Final = {
    "add", "added", "change", "changed", "create", "created", "delete", "deleted", "event",
    "merge", "merged", "modified", "record", "removed", "saved", "update", "updated", "v",
}  # fmt: skip
# What a record says was merged is nothing.
_NOTHING: Final = {"", "0", "false", "no", "none", "null", "[]", "{}"}
_MERGED: Final = ", and was merged into another: move there first what is still needed"
_LIKE_STATUS: Final = {"is", "now", "set", "state", "status", "to", "was"}
_COMES_OR_GOES: Final = (
    "activ", "deactiv", "disabl", "enabl", "inactiv", "offboard", "onboard", "reactiv", "renew",
    "reopen", "restor", "resum", "unarchiv", "undelet",
)  # fmt: skip


def _words(name: str) -> list[str]:
    seen = unicodedata.normalize("NFKC", name)
    plain = "".join(char for char in seen if unicodedata.category(char) != "Cf")
    return [likeness(word) for word in _WORD.findall(plain)]


def is_a_client(name: str) -> bool:
    """Whether the name of a kind of record may be another one for clients; a part of one is not."""
    rest = [word for word in _words(name) if not word.startswith(_CLIENTS)]
    return has_a_client(name) and _HAPPENED.issuperset(rest)


def has_a_client(name: str) -> bool:
    """Whether any word of the name is one for a client."""
    return any(word.startswith(_CLIENTS) for word in _words(name))


def is_of_a_client(name: str) -> bool:
    """Whether an event or a field of this name may be about a client."""
    return likeness(name).startswith(_CLIENTS)


def says_nothing_else(name: str) -> bool:
    """Whether an event of this name is about coming or going, and does not say of what."""
    words = _words(name)
    rest = {word for word in words if not word.startswith(_COMES_OR_GOES)}
    says = len(rest) < len(words) or "status" in rest
    return says and rest <= _HAPPENED | _LIKE_STATUS | _ORG


def merged(fields: Iterable[tuple[str, Any]]) -> str:
    """What to say if a record was merged into another, which may need what is known of it; or "".

    No vendor documents in which field, so any counts that has the word and is not empty. Whoever
    sent it confirms nothing then.
    """
    known = list(fields)
    if not _any_of_merging(tuple([name for name, _ in known])):
        return ""
    says = any(
        _is_of_merging(name) and str(value).casefold() not in _NOTHING for name, value in known
    )
    return _MERGED if says else ""


# A sender's records have the same fields, again and again.
@lru_cache(maxsize=64)
def _any_of_merging(names: tuple[str, ...]) -> bool:
    return any(map(_is_of_merging, names))


@lru_cache(maxsize=1024)
def _is_of_merging(name: str) -> bool:
    return any(word.startswith("merge") for word in _words(name))


def speaks_of_a_client(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether any key or text in it has a word for a client."""
    match value:
        case dict():
            return any(speaks_of_a_client(each) for pair in value.items() for each in pair)
        case list():
            return any(map(speaks_of_a_client, value))
        case str():
            text = value[:_MOST_READ]
            return has_a_client(text) or not _ORG.isdisjoint(_words(text))
        case _:
            return False


def rejected(error: Unreadable, identity: Identity, clients: Sequence[str] = ()) -> Rejected:
    """An event that does not say what is needed, and which client it may be about."""
    return Rejected(
        event_id=identity.event,
        reason=error.reason,
        detail=error.detail,
        clients=tuple(dict.fromkeys(clients)),
        holds=error.holds,
    )


def stated(values: Iterable[Any], read: Callable[[Any], str | None]) -> tuple[str, ...] | None:
    """What of these values is stated; `None` if one that is cannot be read: it may be anybody's."""
    found = []
    for value in values:
        if value is None or value == "":
            continue
        try:
            said = read(value)
        except Unreadable:
            return None
        if said is None:
            return None
        found.append(said)
    return tuple(found)


def readable(*reads: Callable[[], str | None]) -> list[str]:
    """What of an event can be read, where the whole cannot."""
    found = []
    for read in reads:
        try:
            value = read()
        except Unreadable:
            continue
        if value:
            found.append(value)
    return found
