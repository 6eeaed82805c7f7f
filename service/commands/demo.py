"""`unglue demo`: see the whole thing move, without an account of anything."""

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from service.demo.installation import Installation, running
from service.demo.story import Story, company_updated, signed
from service.supervision import embedded
from service.terminal.screen import say


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running afterwards, until Ctrl-C.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep data and logs here instead of in a temporary directory.",
)
@click.pass_context
def demo(context: click.Context, data_dir: Path | None, *, keep: bool) -> None:
    """Run the main job end to end on this machine: nothing real is touched."""
    embedded.require_installed()
    folder = data_dir or Path(tempfile.mkdtemp(prefix="unglue-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        interrupted = asyncio.run(_demo(folder, keep=keep))
    finally:
        if data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    if interrupted and not keep:
        context.exit(130)


async def _demo(folder: Path, *, keep: bool) -> bool:
    """Whether a signal ended it."""
    telling = asyncio.ensure_future(_tell(folder, keep=keep))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, telling.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await telling
    return telling.cancelled()


async def _tell(folder: Path, *, keep: bool) -> None:
    say("Starting Valkey, IT Glue sandbox, ConnectWise sandbox, callback receiver,", err=True)
    say("service, scheduler and worker on loopback …", err=True)
    async with (
        running(folder, asks=True) as installation,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        await Story(installation, http).tell()
        click.secho("\nAll six came out as they should.", fg="green", err=True)
        if keep:
            _show(installation, folder)
            while True:
                await asyncio.sleep(1)
                installation.processes.require_running()


def _show(installation: Installation, folder: Path) -> None:
    now = datetime.now(UTC)
    body = folder / "callback.json"
    body.write_bytes(
        company_updated(installation, company_id=27, name="Moss, Fern and Partners", now=now)
    )
    headers = signed(installation, body.read_bytes(), now)
    signature = " ".join(f"-H '{name}: {value}'" for name, value in headers.items())
    request = json.dumps({"org_id": "302", "dry_run": True})
    say(
        f"""
It keeps running; Ctrl-C ends it.
  service   {installation.service}   (operator token: {installation.token})
  sandbox   {installation.sandbox}   (organizations: /_sandbox/world)
  receiver  {installation.receiver}
  logs      {installation.log_dir}

Ask for a dry run:
  curl -s {installation.service}/v1/deletions -H 'Authorization: Bearer {installation.token}' \\
    -H 'Prefer: wait=20' -d '{request}'
Send another signed webhook:
  curl -s {installation.service}/webhooks/cw {signature} --data-binary @{body}""",
        err=True,
    )
