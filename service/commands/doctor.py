"""`unglue doctor`: what is wrong with this installation, and what cures it."""

import asyncio
import dataclasses
import sys
from contextlib import aclosing
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from service.doctor.examination import examine
from service.doctor.finding import Finding
from service.supervision import embedded
from service.terminal.options import data_dir
from service.terminal.screen import Screen, say, screen, show_json
from workers.settings import Settings, load_settings

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@data_dir("Where `unglue up` keeps its Valkey, if no redis_url is set.")
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
    async with aclosing(examine(settings)) as examined:
        async for finding in examined:
            findings.append(finding)
            if show:
                _tell(finding, console)
    return findings


def _tell(finding: Finding, console: Screen) -> None:
    mark, colour = _MARKS[finding.level]
    cure = f"→ {finding.cure}" if finding.cure and finding.level != "ok" else ""
    if not console.is_terminal:
        # Whoever searches it wants whole lines.
        say(f"{mark} {finding.part:<14} {finding.message}")
        if cure:
            say(f"  {'':<14} {cure}")
        return
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=1)
    lines.add_column(min_width=14)
    lines.add_row(f"[{colour}]{mark}[/]", escape(finding.part), escape(finding.message))
    if cure:
        lines.add_row("", "", escape(cure))
    console.print(lines)
