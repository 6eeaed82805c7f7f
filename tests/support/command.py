"""The `unglue` command, run in this process, which is quicker than one of its own."""

import re
from typing import NamedTuple

import pytest

from service.cli import main

# A service in this process logs to the same place.
_LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[.*\n", re.MULTILINE)


class Shown(NamedTuple):
    """How the command ended, and what it printed."""

    status: int
    out: str
    err: str


class Command:
    """`unglue` with these arguments, in an environment that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Shown:
        self._monkeypatch.setattr("sys.argv", ["unglue", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return Shown(int(ended.value.code or 0), _LOGGED.sub("", out), err)
