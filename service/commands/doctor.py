"""`unglue doctor`: what is wrong with this installation, and what cures it."""

import asyncio
import dataclasses
import sys
from pathlib import Path

import click
from rich.markup import escape

from service.doctor.examination import Finding, examine
from service.supervision import embedded
from service.terminal.screen import say, screen, show_json
from workers.settings import Settings, load_settings

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--data-dir",
    default="data",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where `unglue up` keeps its Valkey, if no redis_url is set.",
)
def doctor(data_dir: Path, *, as_json: bool) -> None:
    """Check configuration, Redis, IT Glue, callback and export directory. Changes nothing.

    Exit status: 0 able to work, 1 something will not work, 2 wrong configuration.
    """
    settings = load_settings()
    if settings.redis_url is None and embedded.socket_path(data_dir).exists():
        settings = settings.model_copy(update={"redis_url": embedded.url(data_dir)})
    findings = asyncio.run(_examine(settings, show=not as_json))
    if as_json:
        show_json([dataclasses.asdict(finding) for finding in findings])
    sys.exit(1 if any(finding.level == "fail" for finding in findings) else 0)


async def _examine(settings: Settings, *, show: bool) -> list[Finding]:
    findings, console = [], screen()
    async for finding in examine(settings):
        findings.append(finding)
        if show:
            mark, colour = _MARKS[finding.level]
            line = escape(f"{finding.part:<14} {finding.message}")
            console.print(f"[{colour}]{mark}[/] {line}", soft_wrap=True)
            if finding.cure and finding.level != "ok":
                say(f"  {'':<14} → {finding.cure}")
    return findings
