"""A message in the form that each kind of receiver takes.

What is a vendor's or a requester's text is made harmless for that form: in Slack by its three
entities and `verbatim` (no mention, no link comes of it), in Teams by text runs, which know no
Markdown. Sources: Slack, "Formatting text for app surfaces" and the Block Kit reference (header
150 characters, section 3000, 10 fields of 2000, 50 blocks); Microsoft, "Text features" of
Adaptive Cards and "Create incoming webhooks with Workflows" (28 KB a message).
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from workers.outbox.messages import Message
from workers.settings.destinations import Format
from workers.times.clock import rfc3339

_DECIDE: Final = "Look at the plan and decide"
_LOOK: Final = "Open it in Unglue"
_SLACK_FIELDS: Final = 10


def slack(message: Message) -> dict[str, Any]:
    """The body of a Slack incoming webhook."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title, "emoji": False}}
    ]
    if message.advice:
        blocks.append({"type": "section", "text": _mrkdwn(_escaped(message.advice))})
    fields = [_mrkdwn(f"*{_escaped(label)}*\n{_escaped(value)}") for label, value in message.facts]
    blocks += [
        {"type": "section", "fields": fields[start : start + _SLACK_FIELDS]}
        for start in range(0, len(fields), _SLACK_FIELDS)
    ]
    for words, address in _addresses(message):
        link = _mrkdwn(f"<{_escaped(address)}|{words}>")
        blocks.append({"type": "section", "text": link})
    first = f": {message.facts[0][1]}" if message.facts else ""
    return {"text": _escaped(f"Unglue: {message.title}{first}"), "blocks": blocks}


def _addresses(message: Message) -> list[tuple[str, str]]:
    """Where to click, the most urgent first."""
    both = ((_DECIDE, message.approval_url), (_LOOK, message.link))
    return [(words, address) for words, address in both if address]


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(message: Message) -> dict[str, Any]:
    """The body of a Teams workflow "when a webhook request is received": an Adaptive Card."""
    body: list[dict[str, Any]] = [
        _runs({"text": message.title, "weight": "Bolder", "size": "Medium"})
    ]
    if message.advice:
        body.append(_runs({"text": message.advice}))
    body += [
        _runs({"text": f"{label}: ", "weight": "Bolder"}, {"text": value})
        for label, value in message.facts
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
    }
    if addresses := _addresses(message):
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": words, "url": address}
            for words, address in addresses
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _runs(*runs: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}


def plain(message: Message) -> dict[str, Any]:
    """The body for programs: all keys are always there."""
    return {
        "id": message.id,
        "kind": message.kind,
        "at": rfc3339(message.at),
        "message": f"{message.title}. {message.advice}".strip(),
        "deletion_id": message.deletion_id,
        "source": message.source,
        "link": message.link,
        "approval_url": message.approval_url,
        "facts": [{"label": label, "value": value} for label, value in message.facts],
    }


_FORMATS: Final[Mapping[Format, Callable[[Message], dict[str, Any]]]] = MappingProxyType(
    {"slack": slack, "teams": teams, "json": plain}
)


def body_of(message: Message, form: Format) -> bytes:
    """The bytes to send."""
    return json.dumps(_FORMATS[form](message), separators=(",", ":")).encode()
