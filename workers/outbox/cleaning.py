"""Text of others, made harmless wherever it is shown; light, for every command loads it."""

import unicodedata
from typing import Final

_LONGEST: Final = 300
# They reorder what is around them: a name could make another line read otherwise.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def clean(text: str, longest: int = _LONGEST) -> str:
    """Text of others on one line, without what a screen would obey, cut to `longest` characters."""
    shown = "".join(
        " " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char
        for char in text
        if char not in _REORDERING
    )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
