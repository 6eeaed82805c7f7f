"""What can be made to go wrong, and how it is asked for.

A fault is written `NAME[=VALUE][@WHERE][:COUNT]`, where WHERE is `METHOD`, `/path/pattern` or
`METHOD /path/pattern` and COUNT is how many matching requests it strikes:

    lag=30                          every deletion takes 30 s
    html@DELETE:1                   the first DELETE is answered by an HTML page
    slow=800@/passwords             every request for passwords takes 800 ms longer
    forbid=documents,404            no documents for this key
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Value = str | float | None
_TEXT = re.compile(
    r"(?P<name>[a-z0-9-]+)(=(?P<value>[^@:]*))?(@(?P<where>[^:]+))?(:(?P<count>[0-9]+))?"
)
_WHERE = re.compile(r"(?P<method>[A-Z]+)?\s*(?P<path>/.*)?")
_ORGANIZATION = "/organizations/*"


class InvalidFault(ValueError):
    """No such fault, or not a value it takes. The message names what is possible."""


class Fault(BaseModel):
    """A fault as configured. `count` none: always; `method` and `path` none: anywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: Value = None
    count: Annotated[int, Field(ge=1)] | None = None
    method: str | None = None
    path: str | None = None

    def number(self) -> float:
        """The value of a fault that takes a number; `_number` has seen to it."""
        return float(self.value or 0)

    def strikes(self, method: str, path: str) -> bool:
        """Whether a request is one that this fault is for."""
        return self.method in (None, method) and (self.path is None or fnmatchcase(path, self.path))


@dataclass(frozen=True, slots=True)
class _Rule:
    explanation: str
    read: Callable[[Value], Value]
    method: str | None = None
    path: str | None = None


def _number(
    default: float | None, *, least: float = 0, most: float = math.inf
) -> Callable[[Value], Value]:
    def read(value: Value) -> Value:
        given = default if value in (None, "") else value
        if given is None:
            raise InvalidFault("needs a number")
        try:
            number = float(given)
        except ValueError:
            raise InvalidFault("needs a number") from None
        if not (math.isfinite(number) and least <= number <= most):
            raise InvalidFault(f"needs a number of at least {least:g}")
        return number

    return read


def _optional_number(value: Value) -> Value:
    return None if value in (None, "") else _number(None)(value)


def _choice(default: str, *others: str) -> Callable[[Value], Value]:
    def read(value: Value) -> Value:
        chosen = default if value in (None, "") else value
        if chosen not in (default, *others):
            raise InvalidFault(f"takes one of: {', '.join((default, *others))}")
        return chosen

    return read


def _forbidden(value: Value) -> Value:
    kind, _, status = str(value or "").partition(",")
    if not re.fullmatch(r"[a-z_]+", kind) or not re.fullmatch(r"([45][0-9]{2})?", status):
        raise InvalidFault("takes KIND or KIND,STATUS, such as documents,404 or all,401")
    return f"{kind},{status or 403}"


def _ids(value: Value) -> Value:
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", str(value or "")):
        raise InvalidFault("takes ids, such as 301 or 301,302")
    return str(value)


def _nothing(value: Value) -> Value:
    if value not in (None, ""):
        raise InvalidFault("takes no value")
    return None


_RULES: Mapping[str, _Rule] = {
    "lag": _Rule("a deletion takes effect VALUE seconds after the call", _number(60)),
    "accept-and-do-nothing": _Rule("DELETE answers 200 and nothing is removed", _nothing),
    "refuse-synced": _Rule("DELETE answers 422 for an organization that a PSA syncs", _nothing),
    "recreate-after-sync": _Rule(
        "VALUE seconds after its removal a synced organization is back, empty, under a new id",
        _number(5),
    ),
    "ignore-filters": _Rule("every filter is ignored: lists return everything", _nothing),
    "wrong-organization": _Rule(
        "another organization is answered: by id, or where @WHERE says (a filtered list, DELETE)",
        _nothing,
        "GET",
        _ORGANIZATION,
    ),
    "rename-before-delete": _Rule(
        "an organization is renamed once it has been read VALUE times by id",
        _number(1, least=1),
        "GET",
        _ORGANIZATION,
    ),
    "recreate-before-delete": _Rule(
        "an organization is another one (same id and name, created now) after VALUE reads by id",
        _number(1, least=1),
        "GET",
        _ORGANIZATION,
    ),
    "html": _Rule("an HTML page with status 502 instead of JSON", _nothing),
    "429": _Rule("429, with Retry-After if VALUE gives seconds", _optional_number),
    "drop-before": _Rule(
        "the connection closes before the request is acted upon (default: DELETE)",
        _nothing,
        "DELETE",
    ),
    "drop-after": _Rule(
        "the request is acted upon, then the connection closes unanswered (default: DELETE)",
        _nothing,
        "DELETE",
    ),
    "partial-page": _Rule(
        "every page lacks its last record; meta counts it all the same", _nothing
    ),
    "wrong-typed-ids": _Rule(
        "swapped: ids are numbers, foreign keys strings; long: organization ids have 16 digits",
        _choice("swapped", "long"),
    ),
    "parent-id": _Rule(
        "parent-id and ancestor-ids come as null, number, string, array, strings or stringified",
        _choice("stringified", "null", "number", "string", "array", "strings"),
    ),
    "hide": _Rule(
        "the key has no right to the organizations VALUE: 404 by id, and no list holds them", _ids
    ),
    "repeat": _Rule(
        "a gateway sends the request twice and hands on the second answer (default: DELETE)",
        _nothing,
        "DELETE",
    ),
    "forbid": _Rule(
        "a KIND (or all) answers STATUS, by default 403: VALUE is KIND,STATUS", _forbidden
    ),
    "bad-export": _Rule(
        "an export's file is empty, has a destroyed member, or is of an organization without data",
        _choice("empty", "member", "bare"),
        path="/downloads/*",
    ),
    "slow": _Rule("VALUE milliseconds more for a request", _number(None, most=600_000)),
    "timeout": _Rule(
        "acted upon, then no answer for VALUE seconds, then 504", _number(60, most=600)
    ),
}

FAULTS: Mapping[str, str] = {name: rule.explanation for name, rule in _RULES.items()}
"""Every fault's name, and what it does in one line."""


def _fault(name: str, fields: Mapping[str, Any]) -> Fault:
    rule = _RULES.get(name)
    if rule is None:
        raise InvalidFault(f"no fault {name!r}; there are: {', '.join(_RULES)}")
    try:
        given = Fault.model_validate(fields)
        value = rule.read(given.value)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InvalidFault(f"fault {name}: {where}: {error.errors()[0]['msg']}") from None
    except InvalidFault as error:
        raise InvalidFault(f"fault {name} {error}") from None
    anywhere = given.method is None and given.path is None
    return given.model_copy(
        update={
            "value": value,
            "method": rule.method if anywhere else given.method,
            "path": rule.path if anywhere else given.path,
        }
    )


def parse_fault(text: str) -> tuple[str, Fault]:
    """A fault from `NAME[=VALUE][@WHERE][:COUNT]`. Raises InvalidFault."""
    match = _TEXT.fullmatch(text)
    where = _WHERE.fullmatch(match["where"] or "") if match else None
    if match is None or where is None:
        raise InvalidFault(f"{text!r} is not of the form NAME[=VALUE][@WHERE][:COUNT]")
    fields = {**where.groupdict(), "value": match["value"], "count": match["count"] or None}
    return match["name"], _fault(match["name"], fields)


def parse_specification(name: str, given: object) -> Fault | None:
    """A fault from a JSON value; `None` switches it off. Raises InvalidFault."""
    match given:
        case None | False:
            return None
        case True:
            return _fault(name, {})
        case Fault():
            return _fault(name, given.model_dump())
        case Mapping():
            return _fault(name, given)
        case _:
            return _fault(name, {"value": given})


def parse_faults(given: object) -> dict[str, Fault]:
    """Faults from a list of texts, or a mapping of name to specification. Raises InvalidFault."""
    if isinstance(given, Mapping):
        parsed = {str(name): parse_specification(str(name), it) for name, it in given.items()}
        return {name: fault for name, fault in parsed.items() if fault is not None}
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return dict(parse_fault(str(text)) for text in given)
    raise InvalidFault("faults are a list of texts or a mapping of name to value")


@dataclass(slots=True)
class ActiveFaults:
    """The faults in force, each with how often it has struck."""

    active: dict[str, Fault]
    struck: dict[str, int] = field(default_factory=dict)

    def set(self, name: str, fault: Fault | None) -> None:
        """Put a fault into force, its count anew; `None` lifts it."""
        self.struck.pop(name, None)
        if fault is None:
            self.active.pop(name, None)
        else:
            self.active[name] = fault

    def take(self, name: str, method: str, path: str) -> Fault | None:
        """The fault if it strikes this request, which then counts."""
        fault = self.active.get(name)
        if fault is None or not fault.strikes(method, path):
            return None
        struck = self.struck.get(name, 0)
        if fault.count is not None and struck >= fault.count:
            return None
        self.struck[name] = struck + 1
        return fault
