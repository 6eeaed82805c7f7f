"""JSON pointers (RFC 6901): where a payload keeps a value, as configuration."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


def _pointer(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError('must be a JSON pointer: empty, or parts that each begin with "/"')
    if _BAD_ESCAPE.search(value):
        raise ValueError('must be a JSON pointer: "~" only stands in "~0" and "~1"')
    return value


Pointer = Annotated[str, Field(max_length=500), AfterValidator(_pointer)]


@lru_cache(maxsize=512)
def _names(pointer: str) -> tuple[str, ...]:
    parts = pointer.split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def at(document: Any, pointer: str) -> Any:  # noqa: ANN401 - any part of any JSON
    """The value that the pointer names; `None` where nothing is, or a JSON null."""
    for name in _names(pointer):
        # Asking for the abstract class costs more than all the rest.
        if type(document) is dict or isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, Sequence) and not isinstance(document, str):
            inside = _INDEX.fullmatch(name) is not None and int(name) < len(document)
            document = document[int(name)] if inside else None
        else:
            return None
    return document


def put(document: dict[str, Any], pointer: str, value: object) -> None:
    """Set the value that the pointer names, where there is an object to hold it."""
    parent, _, last = pointer.rpartition("/")
    holder = at(document, parent)
    if pointer and isinstance(holder, dict):
        holder[last.replace("~1", "/").replace("~0", "~")] = value
