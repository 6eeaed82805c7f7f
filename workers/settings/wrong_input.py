"""What is wrong with somebody's input, in words: never a quote of a value, never a library's."""

from collections.abc import Callable, Iterator
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MOST: Final = 20
_LONGEST_NAME: Final = 60
_WORDS: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a table of names and values",
    "extra_forbidden": "there is no such name here",
    "mapping_type": "must be a table of names and values",
    "missing": "is required",
    "model_type": "must be a table of names and values",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "string_unicode": "must be Unicode text",
    "tuple_type": 'must be a list, like ["first", "second"]',
}


Meant = Callable[[tuple[int | str, ...]], str | None]


def faults(error: ValidationError, *, whole: str, meant: Meant | None = None) -> Iterator[str]:
    """One line a fault; `whole` names the input, `meant` says what an unknown name may mean."""
    every = error.errors(include_url=False, include_input=False)
    inside = {fault["loc"][:end] for fault in every for end in range(len(fault["loc"]))}
    # A list that is too short only because its members are wrong is not news.
    found = [each for each in every if each["type"] != "too_short" or each["loc"] not in inside]
    for fault in found[:_MOST]:
        place = ".".join(_shortened(str(part)) for part in fault["loc"]) or whole
        near = meant(fault["loc"]) if meant and fault["type"] == "extra_forbidden" else None
        yield f"{place}: {_said(fault)}" + (f"; {near}" if near else "")
    if len(found) > _MOST:
        yield f"and {len(found) - _MOST} more"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"


def _said(fault: ErrorDetails) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    return _WORDS.get(fault["type"], message.replace("Input should be", "must be"))
