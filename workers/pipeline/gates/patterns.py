"""Shell patterns of a safeguard, which rather protect one organization too many."""

from fnmatch import fnmatchcase

from adapters.likeness import likeness

_SOFT_HYPHEN = "\u00ad"


def protects(pattern: str, name: str) -> bool:
    """Whether a pattern means this name, both taken loosely: only `*` and `?` are wild.

    A bracket is a part of names, so it is no class of characters.
    """
    literal = likeness(pattern).replace("[", "[[]")
    # A soft hyphen is seen where a line ends at it.
    forms = (name, name.replace(_SOFT_HYPHEN, "-"))
    return any(fnmatchcase(likeness(form), literal) for form in forms)
