"""Whether the name that somebody typed is the organization's."""

import unicodedata
from difflib import SequenceMatcher
from typing import Final

from workers.pipeline.identity.naming import comparable

# Below this share of equal letters it is another name, and no letter is to blame.
_CLOSE: Final = 0.7


def difference(typed: str, name: str) -> str | None:
    """How they differ, or `None`: case counts, Unicode's two ways to write a letter do not."""
    mine, theirs = comparable(typed), comparable(name)
    if mine == theirs:
        return None
    if not mine:
        return "type the organization's name exactly as it stands there"
    if mine.lower() == theirs.lower():
        return "the name differs in upper and lower case; type it exactly as it stands there"
    close = SequenceMatcher(None, mine, theirs).ratio() >= _CLOSE
    for one, other in zip(mine, theirs, strict=False) if close else ():
        if one != other and not (one + other).isascii():
            return (
                f"the name has {_called(other)} where you typed {_called(one)}; they may look "
                "alike and are not the same"
            )
    return "that is not the organization's name"


def _called(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
