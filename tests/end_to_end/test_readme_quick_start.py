"""The README's commands and the quick start, as they are pasted: only the ports are others."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.demo.installation import free_ports

ROOT = Path(__file__).parents[2]
_SECONDS = 120
# What each of them shows, on standard output or error.
SHOWN = {
    "README.md": ("would not be deleted: 302", '"accepted"', "311"),
    "docs/quick-start.md": (
        "Paper Moon Cinema", "would not be deleted: 302", "deleted: 301 TestCompany", '"accepted"',
        '"cancelled"', "monthly", "nothing is requested",
    ),
}  # fmt: skip


def blocks(page: str) -> list[str]:
    """Its commands, without those that CI runs by themselves."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[str] = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for block in found if not block.startswith("make demo")]


def script(page: str, sandbox: int, service: int) -> str:
    """What a reader pastes; the installation is the one that runs this test."""
    pasted = "\n".join(blocks(page))
    for written, run in (
        ("make install && . .venv/bin/activate\n", ""),
        ("cp deploy/", f"cp {ROOT}/deploy/"),
        ("unglue sandbox &", f"unglue sandbox --port {sandbox} &"),
        ("unglue up &", f"unglue up --port {service} &"),
        ("127.0.0.1:9100", f"127.0.0.1:{sandbox}"),
        ("127.0.0.1:8000", f"127.0.0.1:{service}"),
    ):
        assert written in pasted, written
        pasted = pasted.replace(written, run)
    first = "set -eu\ntrap 'kill $(jobs -p); wait' EXIT"
    return f"{first}\nexport UNGLUE_URL=http://127.0.0.1:{service}\n{pasted}"


@pytest.mark.parametrize("page", SHOWN)
def test_it_works_as_pasted(page: str, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNGLUE_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(  # noqa: S603 - our own pages
        ["/bin/bash", "-c", script(page, *free_ports(2))],
        env={**clean, "PATH": path, "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    told = ended.stdout + ended.stderr
    assert ended.returncode == 0, told[-6000:]
    assert [each for each in SHOWN[page] if each not in told] == []
