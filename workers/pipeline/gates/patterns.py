"""Shell patterns of a safeguard, which rather protect one organization too many."""

from fnmatch import fnmatchcase

from adapters.likeness import bare, drawn, likeness

_SOFT_HYPHEN = "\u00ad"
# What is wild, as letters that no name has while signs are left out.
_KEPT = str.maketrans("*?", "\ue000\ue001")
_WILD = {kept: sign for sign, kept in _KEPT.items()}


def protects(pattern: str, name: str) -> bool:
    """Whether a pattern means this name, both taken loosely: only `*` and `?` are wild.

    A bracket is a part of names, so it is no class of characters.
    """
    likely = drawn(likeness(pattern))
    plain = bare(likely.translate(_KEPT)).translate(_WILD)
    # A soft hyphen is seen where a line ends at it.
    forms = [drawn(likeness(form)) for form in (name, name.replace(_SOFT_HYPHEN, "-"))]
    return any(
        fnmatchcase(form, likely.replace("[", "[[]"))
        or (bool(plain.strip("*? ")) and fnmatchcase(bare(form), plain))
        for form in forms
    )
