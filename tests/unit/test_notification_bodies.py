"""What people read: every kind in every format, within the receivers' limits, nothing obeyed."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import TestClock
from workers.ledger.sending.notices import Notice
from workers.outbox.bodies import body_of
from workers.outbox.cleaning import clean
from workers.outbox.kinds import MEANINGS, Kind, meaning
from workers.outbox.messages import Message, message_of
from workers.settings.destinations import Format

AT = datetime(2026, 1, 22, 10, 30, tzinfo=UTC)
EVIL = (
    "<!channel> <https://evil.example|click> <@U123> &amp; *b* [x](https://evil.example) "
    "{{DATE(2017-02-14T06:08:39Z)}} \u202egnp.exe\u202c \x1b[31m\r\n@everyone"
)
FORMATS: tuple[Format, ...] = get_args(Format)


def told(kind: str = "source_alert", **detail: Any) -> Message:
    return message_of(
        Notice("ntc_1", kind, AT, detail, None), None, public_url="https://unglue.example.com/"
    )


def written(message: Message, form: Format) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(body_of(message, form))
    return content


def texts(value: Any) -> list[str]:
    """Every text in a body, wherever it stands."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in texts(each)]
        case list():
            return [text for each in value for text in texts(each)]
        case _:
            return []


def require_slack_takes(body: dict[str, Any]) -> None:
    """The limits of Slack's Block Kit reference."""
    assert 0 < len(body["text"]) <= 4000
    assert 0 < len(body["blocks"]) <= 50
    for block in body["blocks"]:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 0 < len(block["text"]["text"]) <= 150
            continue
        assert block["type"] == "section"
        assert ("text" in block) != ("fields" in block)
        if "text" in block:
            assert 0 < len(block["text"]["text"]) <= 3000
        else:
            assert 0 < len(block["fields"]) <= 10
            assert all(0 < len(field["text"]) <= 2000 for field in block["fields"])


def require_teams_takes(body: dict[str, Any]) -> None:
    """The form of a workflow's trigger, and 28 KB a message."""
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    for block in card["body"]:
        # Text blocks would obey Markdown.
        assert block["type"] == "RichTextBlock"
        assert all(run["type"] == "TextRun" and run["text"] for run in block["inlines"])
    assert len(json.dumps(body)) < 28 * 1024


@pytest.mark.parametrize("kind", [*get_args(Kind), "test", "of_tomorrow"])
def test_every_kind_can_be_sent(kind: str) -> None:
    message = told(kind, source="cw", deletion_id="del_1")
    require_slack_takes(written(message, "slack"))
    require_teams_takes(written(message, "teams"))
    plain = written(message, "json")
    assert (plain["kind"], plain["deletion_id"], plain["source"]) == (kind, "del_1", "cw")
    assert plain["at"] == "2026-01-22T10:30:00Z"
    assert plain["link"] == "https://unglue.example.com/deletions/del_1"
    for form in FORMATS:
        assert "unglue deletions del_1" in json.dumps(written(message, form))


def test_every_kind_has_words_of_its_own() -> None:
    assert {*get_args(Kind), "test"} == set(MEANINGS)
    titles = [words.title for words in MEANINGS.values()]
    assert len(set(titles)) == len(titles)
    assert meaning("of_tomorrow").title == "Of tomorrow"


def test_slack_obeys_nothing() -> None:
    body = written(told(says=EVIL), "slack")
    for text in texts(body):
        assert "<!" not in text
        assert "<http" not in text
        assert "<@" not in text
    marked = [block for block in body["blocks"] if block["type"] == "section"]
    parts = [part for block in marked for part in block.get("fields", [block.get("text")])]
    # Not even what looks like a link becomes one.
    assert parts
    assert all(part["verbatim"] is True for part in parts)
    assert "&lt;!channel&gt;" in json.dumps(body)
    assert "&amp;amp;" in json.dumps(body)


def test_teams_obeys_nothing() -> None:
    body = written(told(says=EVIL), "teams")
    require_teams_takes(body)
    assert any("[x](https://evil.example)" in text for text in texts(body))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_reorders_or_controls(form: Format) -> None:
    for text in texts(written(told(says=EVIL, **{"na\x07me": "x"}), form)):
        shown = text.split("\n", 1)[-1] if form == "slack" else text
        assert not set(shown) & set("\u202e\u202c\x1b\x07\r\n")


def test_clean_cuts_by_characters() -> None:
    assert clean("ä" * 400) == "ä" * 299 + "…"
    assert clean("a\x00b\ud800c") == "a b c"


@given(
    detail=st.dictionaries(st.text(max_size=80), st.text(max_size=2000), max_size=40),
    source=st.text(max_size=300),
)
def test_whatever_is_told_fits(detail: dict[str, str], source: str) -> None:
    message = told(**{"source": source, **{f"k{name}": it for name, it in detail.items()}})
    require_slack_takes(written(message, "slack"))
    require_teams_takes(written(message, "teams"))
    body_of(message, "json").decode("ascii")


def test_a_value_of_nothing_but_marks_is_left_out() -> None:
    message = told(source="\u202a", reason="\u200e\u200f", file="a")
    assert message.facts == (("file", "a"),)


def test_many_more_are_not_told_one_by_one() -> None:
    assert "more of this kind" in written(told("failed", more=True), "json")["message"]


@pytest.mark.parametrize(
    ("detail", "path"),
    [
        ({"deletion_id": "del_1", "delivery_id": "dlv_1", "source": "cw"}, "/deletions/del_1"),
        ({"delivery_id": "dlv_1", "source": "cw"}, "/deliveries/dlv_1"),
        ({"source": "c w"}, "/sources#c%20w"),
        ({"deletion_id": "../x?y=<z>|"}, "/deletions/..%2Fx%3Fy%3D%3Cz%3E%7C"),
        ({}, None),
    ],
)
def test_a_notice_leads_to_its_page(detail: dict[str, str], path: str | None) -> None:
    assert told("failed", **detail).link == (path and f"https://unglue.example.com{path}")


def test_the_link_to_approve_is_in_every_format() -> None:
    url = "https://unglue.example.com/approvals/x?a=b&c=d"
    notice = Notice("ntc_1", "approval_wanted", TestClock()(), {"deletion_id": "del_1"}, None)
    message = message_of(notice, None, public_url="https://u.example", approval_url=url)
    assert f"<{url.replace('&', '&amp;')}|Look at the plan and decide>" in texts(
        written(message, "slack")
    )
    (attachment,) = written(message, "teams")["attachments"]
    page = "https://u.example/deletions/del_1"
    assert attachment["content"]["actions"] == [
        {"type": "Action.OpenUrl", "title": "Look at the plan and decide", "url": url},
        {"type": "Action.OpenUrl", "title": "Open it in Unglue", "url": page},
    ]
    assert f"<{page}|Open it in Unglue>" in texts(written(message, "slack"))
    assert written(message, "json")["approval_url"] == url
