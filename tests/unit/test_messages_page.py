"""`docs/errors.md` says what the code says, and leaves nothing out."""

import re
from pathlib import Path

from service.terminal.messages_page import ADVICE, DELIVERIES, codes, gate_cures, name_of, page

ROOT = Path(__file__).parents[2]
LUA = re.compile(r"reason = '([a-z_]+)'")
PYTHON = re.compile(r"reason=\"([a-z_]+)\"|Malformed\(\"([a-z_]+)\"\)")


def test_the_file_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == page(), "run: make messages"


def test_every_code_has_advice() -> None:
    missing = {name_of(error) for error in codes()} - ADVICE.keys()
    # Never raised itself: the root of the answers of IT Glue has their codes.
    assert missing == {"ITGlueError"}


def test_every_gate_says_what_to_do() -> None:
    assert [name for name, question, cure in gate_cures() if not (question and cure)] == []


def test_every_reason_of_a_delivery_is_explained() -> None:
    scripts = (ROOT / "workers/ledger/scripts/receive.lua").read_text(encoding="utf-8")
    reasons = set(LUA.findall(scripts))
    for path in (*ROOT.glob("adapters/**/*.py"), *ROOT.glob("workers/*.py")):
        for found in PYTHON.findall(path.read_text(encoding="utf-8")):
            reasons |= {reason for reason in found if reason}
    assert reasons - DELIVERIES.keys() == set()
