"""Shell patterns of a safeguard, which rather protect one organization too many."""

from fnmatch import fnmatchcase

from adapters.likeness import likeness


def protects(pattern: str, name: str) -> bool:
    """Whether a pattern means this name, both taken loosely: only `*` and `?` are wild.

    A bracket is a part of names, so it is no class of characters.
    """
    literal = likeness(pattern).replace("[", "[[]")
    return fnmatchcase(likeness(name), literal)
