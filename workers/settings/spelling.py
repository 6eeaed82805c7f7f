"""What a misspelt name of the configuration may have meant."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel

# What an older file may have, and what became of it.
_REMOVED: Final[Mapping[tuple[int | str, ...], str]] = {
    ("worker", "beat"): "it follows from worker.lease now; take it out",
}


def meant(kind: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    """What became of the name at this place, or which known one of its table it resembles: pure."""
    if place in _REMOVED:
        return _REMOVED[place]
    near = get_close_matches(str(place[-1]), _names(kind, place[:-1]), n=1) if place else []
    return f"did you mean {near[0]}?" if near else None


def _names(kind: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, ...]:
    """The names that the table at this place knows; none where that depends on its content."""
    known: Any = kind
    for part in place:
        if _is_model(known):
            field = known.model_fields.get(part)
            known = field.annotation if field is not None else None
        elif get_origin(known) is Mapping:
            known = get_args(known)[1]
        while get_origin(known) is Annotated:
            known = get_args(known)[0]
    return tuple(known.model_fields) if _is_model(known) else ()


def _is_model(known: object) -> bool:
    return isinstance(known, type) and issubclass(known, BaseModel)
