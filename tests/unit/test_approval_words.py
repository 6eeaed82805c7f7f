"""Why a deletion waits for approval, on a terminal."""

import io

import pytest
from rich.console import Console

from service.terminal.tables import show_approval
from workers.pipeline.approval import WHYS


@pytest.mark.parametrize("why", WHYS)
def test_why_it_waits_is_said_in_words(why: str) -> None:
    approval = {"wanted": True, "why": why, "until": "", "moved": [], "needs_force_delete": False}
    shown = {"approval": approval, "grace": None, "approvers": ["bob"], "approval_url": None}
    written = io.StringIO()
    show_approval(shown, Console(file=written, width=120))
    (because,) = [line for line in written.getvalue().splitlines() if "waits because" in line]
    assert len(because.split()) > 5, because
