"""Each script of the ledger says on top what it decides, touches, takes and answers."""

import re
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workers/ledger/scripts"
SCRIPTS = [path for path in sorted(FOLDER.glob("*.lua")) if path.stem != "prelude"]
KEY = re.compile(r"\bkey\(((?:[^()]|\([^()]*\))*)\)")


def used(body: str) -> set[str]:
    """The keys that a script names: `deletion:*` for `key('deletion', id)`."""
    return {
        ":".join(
            part.strip().strip("'") if part.strip().startswith("'") else "*"
            for part in re.split(r",\s*(?![^(]*\))", parts)
        )
        for parts in KEY.findall(body)
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_is(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    top = list(takewhile(lambda line: line.startswith("--"), lines))
    said = " ".join(line.removeprefix("--").strip() for line in top)
    form = re.fullmatch(r"[A-Z].*[.?] KEYS: (.+) ARGV: (.+) Answer: (.+)", said)
    assert form, said
    named = set(form[1].split(", ")) - {"none of its own"}
    assert named == used("\n".join(lines[len(top) :]))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_somebody_runs_it(path: Path) -> None:
    texts = (each.read_text(encoding="utf-8") for each in (ROOT / "workers").rglob("*.py"))
    assert any(f'"{path.stem}"' in text for text in texts)


# A restored ledger is known by the decisions that it lacks, and each has an entry in the audit
# log. What these write is no decision: read, done or asked again it is the same.
WITHOUT_ENTRY = (
    "ask_host audit_append audit_fold audit_trim begin_catch_up carry_trace "
    "configured count due give_back give_back_callback hand_out hold_requests host_answered "
    "host_silent lease_callback look_later looked_back notice pack put_off_callback "
    "record_catch_up record_replay renew renew_callbacks results standing take_along take_form "
    "take_quarantined take_request tell_held tell_unproved unpack view wait_quarantined"
)
ENTRIES = re.compile(r"\b(audit|decide|finish|create|pause|leave_quarantine)\(")


def test_what_a_restored_ledger_may_lack_is_no_decision() -> None:
    bare = [path.stem for path in SCRIPTS if not ENTRIES.search(path.read_text(encoding="utf-8"))]
    assert " ".join(bare) == WITHOUT_ENTRY
