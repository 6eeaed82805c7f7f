"""The tags of an organization, which IT Glue's API does not have: #words that people write."""

import re

from workers.itglue.models import Organization

_HASHTAG = re.compile(r"#[\w-]+")


def tags_of(organization: Organization) -> frozenset[str]:
    """The #words of quick notes, alert and description, without regard to case."""
    texts = (organization.quick_notes, organization.alert, organization.description)
    return frozenset(tag.casefold() for text in texts for tag in _HASHTAG.findall(text or ""))
