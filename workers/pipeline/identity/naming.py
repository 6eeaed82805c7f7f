"""How names are compared, and when two of them identify the same organization."""

import unicodedata

from adapters.likeness import drawn, likeness


def comparable(name: str) -> str:
    """A name as a search compares it: Unicode NFC, trimmed, case kept."""
    return unicodedata.normalize("NFC", name).strip()


def same(given: str, name: str) -> bool:
    """Whether they are one name: after Unicode NFC. Blanks at the ends and case count."""
    return unicodedata.normalize("NFC", given) == unicodedata.normalize("NFC", name)


def hardly_differ(given: str, name: str) -> str:
    """What to say where two names that are not the same look alike; else nothing."""
    if drawn(likeness(given)) != drawn(likeness(name)):
        return ""
    return " (they differ only in blanks, case or characters that look alike)"
