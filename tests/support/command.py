"""The `unglue` command, run in this process, which is quicker than one of its own."""

from typing import NamedTuple

import pytest

from service.cli import main


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
        self._capsys.readouterr()  # what a service in this process said until now
        with pytest.raises(SystemExit) as ended:
            main()
        return Shown(int(ended.value.code or 0), *self._capsys.readouterr())
