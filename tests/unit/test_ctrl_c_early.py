"""Ctrl-C while the modules of a command load ends it quietly; from then on the command decides."""

import signal
import subprocess
import sys

import pytest

# Presses Ctrl-C just when the module named first is looked for, or says what Ctrl-C does then.
_RUN = """
import os, runpy, signal, sys
press, moment = sys.argv.pop(1), sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == moment and press == "press":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
try:
    runpy.run_module("service", run_name="__main__", alter_sys=True)
finally:
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def _run(press: str, moment: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-c", _RUN, press, moment, "completion", "bash"]
    return subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - ours


@pytest.mark.parametrize("moment", ["service.cli", "click", "service.commands.completion"])
def test_ctrl_c_while_modules_load_says_nothing(moment: str) -> None:
    ended = _run("press", moment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_a_command_that_runs_is_interrupted_as_ever() -> None:
    ended = _run("look", "click")
    assert ended.stdout.splitlines()[-1] == "True"
