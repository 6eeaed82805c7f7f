"""`unglue doctor`: what is wrong with this installation, and what cures it."""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

import click

from service import embedded
from workers.doctor import Finding, examine
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
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    sys.exit(1 if any(finding.level == "fail" for finding in findings) else 0)


async def _examine(settings: Settings, *, show: bool) -> list[Finding]:
    findings = []
    async for finding in examine(settings):
        findings.append(finding)
        if show:
            mark, colour = _MARKS[finding.level]
            click.echo(f"{click.style(mark, fg=colour)} {finding.part:<14} {finding.message}")
            if finding.cure and finding.level != "ok":
                click.echo(f"  {'':<14} → {finding.cure}")
    return findings
