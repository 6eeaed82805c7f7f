"""What a notice says to people: one value, from which every format is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from workers.ledger.records import Deletion
from workers.ledger.sending.notices import Notice
from workers.outbox.cleaning import clean
from workers.outbox.kinds import meaning
from workers.pipeline.gates.dependencies import held
from workers.pipeline.plan import Plan
from workers.times.clock import rfc3339

_MOST_FACTS: Final = 20
# What a deletion says of itself.
_KNOWN: Final = frozenset({"deletion_id", "source", "state"})
_MORE: Final = (
    "There are more of this kind than are told one by one. Within an hour they are again. See: "
    "unglue deletions"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in words. `facts` are pairs of label and value; the values may be a vendor's text.

    `link` is the page of what it is about, `approval_url` where the deletion is decided on.
    """

    id: str
    kind: str
    at: datetime
    title: str
    advice: str
    facts: tuple[tuple[str, str], ...]
    deletion_id: str | None = None
    source: str | None = None
    link: str | None = None
    approval_url: str | None = None


def message_of(
    notice: Notice, deletion: Deletion | None, *, public_url: str, approval_url: str | None = None
) -> Message:
    """The notice in words, with what is known of its deletion now: pure."""
    words = meaning(notice.kind)
    deletion_id = deletion.id if deletion else _text(notice.detail.get("deletion_id"))
    source = deletion.source if deletion else _text(notice.detail.get("source"))
    facts = _of_detail(notice.detail) if deletion is None else _of_deletion(deletion)
    if deletion is not None:
        facts += _of_detail(
            {name: value for name, value in notice.detail.items() if name not in _KNOWN}
        )
    look = [("look", f"unglue deletions {deletion_id}")] if deletion_id else []
    facts = [*facts[: _MOST_FACTS - len(look)], *look]
    return Message(
        id=notice.id,
        kind=notice.kind,
        at=notice.at,
        title=words.title,
        advice=_MORE if notice.detail.get("more") is True else words.advice,
        # What is nothing but marks that a screen would obey is nothing once it is cleaned.
        facts=tuple((clean(label, 60), shown) for label, value in facts if (shown := clean(value))),
        deletion_id=deletion_id or None,
        source=source or None,
        link=_page(public_url, deletion_id, _text(notice.detail.get("delivery_id")), source),
        approval_url=approval_url,
    )


def _page(public_url: str, deletion_id: str, delivery_id: str, source: str) -> str | None:
    """The console's page of what is nearest: the deletion, else the delivery, else the source."""
    if deletion_id:
        path = f"deletions/{quote(deletion_id, safe='')}"
    elif delivery_id:
        path = f"deliveries/{quote(delivery_id, safe='')}"
    elif source:
        path = f"sources#{quote(source, safe='')}"
    else:
        return None
    return f"{public_url.rstrip('/')}/{path}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _of_detail(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), _shown(value))
        for name, value in sorted(detail.items())
        if value not in (None, "", [], {}) and name != "more"
    ]


def _shown(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _of_deletion(deletion: Deletion) -> list[tuple[str, str]]:
    facts = [
        ("organization", f"{deletion.org_name or '?'} ({deletion.org_id or '?'})"),
        ("state", deletion.state),
        ("asked for by", " / ".join(part for part in (deletion.source, deletion.actor) if part)),
        ("reason", deletion.request.reason or ""),
    ]
    asked = deletion.asked
    if asked is not None and deletion.awaits_approval:
        facts += [("waits because", asked.words), ("decide before", rfc3339(asked.until))]
        facts += [("moved since it was approved", line) for line in asked.moved]
    facts += [(error.code, error.message) for error in deletion.errors]
    if not deletion.terminal and deletion.plan is not None:
        facts += _of_plan(deletion.plan)
    return [(label, value) for label, value in facts if value]


def _of_plan(plan: Plan) -> list[tuple[str, str]]:
    counts = [held(kind, count) for kind, count in plan.counts.items() if count != 0]
    passed = sum(answer.verdict == "pass" for answer in plan.answers)
    facts = [
        ("holds", ", ".join(counts) or "nothing"),
        ("gates", f"{passed} of {len(plan.answers)} pass"),
    ]
    facts += [
        (f"gate {answer.gate}", f"{answer.verdict}: {answer.message}")
        for answer in plan.answers
        if answer.verdict != "pass"
    ]
    facts.append(("plan", plan.digest))
    return facts + [("warning", warning) for warning in plan.warnings]
