"""The tags of an organization, which IT Glue's API does not have: #words that people write."""

import html
import re
from collections.abc import Iterator

from adapters.likeness import drawn, likeness, unaccented
from workers.itglue.models import Organization

_HASHTAG = re.compile(r"#[\w-]+")
_SOFT_HYPHEN = "\u00ad"
# What may stand between a tag's letters: blanks, signs, what a keyboard makes of `#`.
_BETWEEN = r"(?:[^\w#]|_){0,3}"
_MARKUP = re.compile(r"<[^<>]*>")


def tags_of(organization: Organization) -> frozenset[str]:
    """The #words of quick notes, alert and description, without regard to case.

    For tags that let a deletion happen: what only resembles one is none.
    """
    return frozenset(
        tag.casefold() for text in _texts(organization) for tag in _HASHTAG.findall(text)
    )


def is_tagged(organization: Organization, tag: str) -> bool:
    """Whether the tag stands there in any spelling that people take for it.

    For tags that keep a deletion from happening: rather one organization too many. So where its
    words part is of no matter (`#legal_hold`, `#LegalHold`), nor what is joined to it
    (`#keep-2030`), nor are accents, which capitals often lack.
    """
    likely = _plain(tag).removeprefix("#")
    # One that is a picture has no letters.
    letters = map(re.escape, re.sub(r"[\W_]+", "", likely) or likely)
    meant = re.compile("#" + "".join(_BETWEEN + letter for letter in letters) + r"(?![^\W_])")
    return any(meant.search(form) for text in _texts(organization) for form in _loosely(text))


def _texts(organization: Organization) -> tuple[str, ...]:
    texts = (organization.quick_notes, organization.alert, organization.description)
    return tuple(text for text in texts if text)


def _loosely(text: str) -> Iterator[str]:
    # A soft hyphen may be seen or not, and markup may stand within a word or be a word's end.
    for form in (text, text.replace(_SOFT_HYPHEN, "-"), _MARKUP.sub("", html.unescape(text))):
        yield _plain(form)


def _plain(text: str) -> str:
    return drawn(unaccented(likeness(text))).replace("\u266f", "#")
