"""Names and words as safeguards compare them: what a person takes for the same is the same.

For what can only keep a deletion from happening (protections, registers, tags). What identifies an
organization is compared strictly, elsewhere.
"""

import html
import unicodedata

# What is read as a hyphen: Unicode's dashes, the soft hyphen, the minus signs.
_HYPHENS = dict.fromkeys(
    map(ord, "\u00ad\u058a\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-"
)


def likeness(text: str) -> str:
    """The text without what people do not see: entities, width, case, blanks, kinds of hyphen."""
    plain = unicodedata.normalize("NFKC", html.unescape(text).translate(_HYPHENS))
    seen = "".join(char for char in plain.translate(_HYPHENS) if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", " ".join(seen.casefold().split()))
