"""The README's quick start, as it is pasted: only the ports are others."""

import os
import re
import subprocess
import sys
from pathlib import Path

from service.demo.installation import free_ports

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_SECONDS = 120


def blocks() -> list[str]:
    """The commands of the chapter."""
    chapter = re.search(r"^## Try it by hand\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    assert chapter
    return re.findall(r"```sh\n(.*?)```", chapter[1], re.DOTALL)


def script(sandbox: int, service: int) -> str:
    """What a reader pastes; the installation is the one that runs this test."""
    pasted = "\n".join(blocks())
    for written, run in (
        ("make install && . .venv/bin/activate\n", ""),
        ("unglue sandbox &", f"unglue sandbox --port {sandbox} &"),
        ("unglue up &", f"unglue up --port {service} &"),
        ("127.0.0.1:9100", f"127.0.0.1:{sandbox}"),
        ("127.0.0.1:8000", f"127.0.0.1:{service}"),
    ):
        assert written in pasted, written
        pasted = pasted.replace(written, run)
    first = "set -eu\ntrap 'kill $(jobs -p); wait' EXIT"
    return f"{first}\nexport UNGLUE_URL=http://127.0.0.1:{service}\n{pasted}"


def test_it_works_as_pasted(tmp_path: Path) -> None:
    sample = re.search(r"<!-- sample.*?-->\n```toml\n(.*?)```", README, re.DOTALL)
    assert sample
    (tmp_path / "unglue.toml").write_text(sample[1], encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNGLUE_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(  # noqa: S603 - our own README
        ["/bin/bash", "-c", script(*free_ports(2))],
        env={**clean, "PATH": path, "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert "Paper Moon Cinema" in ended.stdout
    assert "would not be deleted: 302" in ended.stderr
    assert "deleted: 301 TestCompany" in ended.stderr
    assert '"accepted"' in ended.stdout
    assert "monthly" in ended.stdout
    assert "would be requested" in ended.stdout
