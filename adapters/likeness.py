"""Names and words as safeguards compare them: what a person takes for the same is the same.

For what can only keep a deletion from happening (protections, registers, tags). What identifies an
organization is compared strictly, elsewhere.
"""

import html
import unicodedata
from functools import lru_cache

# What is read as a hyphen beside Unicode's dashes (Pd), as an apostrophe, as a quotation mark, as a
# blank; signs of a right; and what is not seen at all beside formats (Cf):
# Default_Ignorable_Code_Point.
_LOOKS_LIKE = {
    **dict.fromkeys(map(ord, "\u2043\u207b\u208b\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u0060\u00b4\u02b9\u02bc\u2018\u2019\u201a\u201b\u2032\u2035"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u2036"), '"'),
    **dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"), " "),
    **dict.fromkeys(map(ord, "\u00a9\u00ae\u2120\u2122")),
    **dict.fromkeys((0x34F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10))),
    **dict.fromkeys(range(0xE0100, 0xE01F0)),
}
# Letters that are drawn like a Latin one, in either case: of the Cyrillic and the Greek alphabet,
# on whose keyboards they lie where that one does, and Latin ones with a stroke.
_DRAWN_LIKE = str.maketrans(
    "авеѕіјкмнорстухһԁԛԝαβεζηικμνορτυχɑɡłøđħ", "abesijkmhopctyxhdqwabezhikmnoptyxaglodh"
)
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
_LEGAL_FORMS = {
    "limited": "ltd", "incorporated": "inc", "corporation": "corp", "company": "co",
    "proprietary": "pty",
}  # fmt: skip
# What escaped an escape once more stops here.
_MOST_ESCAPES = 3


def likeness(text: str) -> str:
    """The text without what people do not see: entities, width, case, blanks, kinds of hyphen."""
    if "&" in text:
        for _ in range(_MOST_ESCAPES):
            text = html.unescape(text)
    if text.isascii():
        return " ".join(text.replace("`", "'").lower().split())
    plain = unicodedata.normalize("NFKC", text.translate(_LOOKS_LIKE)).translate(_LOOKS_LIKE)
    seen = "".join(map(_seen, plain))
    # A Turkish i has or lacks a dot, by who wrote it in which case.
    folded = seen.casefold().replace("i\u0307", "i").replace("\u0131", "i")
    return unicodedata.normalize("NFKC", " ".join(folded.split()))


def bare(likely: str) -> str:
    """A name's likeness without what two systems write differently; "" if nothing is left.

    Accents, signs, "the" in front, & for "and", and a legal form written out.
    """
    if not likely.isascii():
        text = "".join(map(_plain, unaccented(likely)))
    else:
        text = likely.translate(_PLAIN_ASCII)
    words = [_LEGAL_FORMS.get(word, word) for word in text.split()]
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def unaccented(likely: str) -> str:
    """A likeness without accents."""
    apart = unicodedata.normalize("NFD", likely)
    return unicodedata.normalize("NFC", apart.translate(_ACCENTS))


def drawn(likely: str) -> str:
    """A likeness with each letter of another alphabet as the Latin one that it is drawn like."""
    return likely if likely.isascii() else likely.translate(_DRAWN_LIKE)


# Every client of a list is asked for at each plan, and again before its call.
@lru_cache(maxsize=16384)
def taken_for(name: str) -> str:
    """A name by what people may take for it, however two systems write it."""
    likely = likeness(name)
    return drawn(bare(likely) or likely)


def _plain(char: str) -> str:
    if char in "&+":
        return " and "
    if char in ".'":
        return ""
    return " " if unicodedata.category(char)[0] in "PS" else char


_PLAIN_ASCII = {code: _plain(chr(code)) for code in range(128)}


def _seen(char: str) -> str:
    match unicodedata.category(char):
        case "Cf":
            return ""
        case "Pd":
            return "-"
        case _:
            return char
