"""`unglue up`: the single-box install, everything in one command."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import click
import structlog

from adapters.errors import ConfigurationError
from service.supervision import embedded
from service.supervision.checks import require_fit_storage, start_up
from service.supervision.data_dir import end_left_over, held
from service.supervision.ports import PORT_SECONDS, answers, require_free
from service.supervision.processes import ProcessEnded, Processes, give_way
from service.supervision.readiness import redis_answers
from service.supervision.signals import stop_on_signals
from service.terminal.options import HOST, PORT, data_dir
from service.terminal.screen import say
from workers.settings import Settings

log = structlog.get_logger()
_RESTART_SECONDS = 1.0
# Longer than a worker's job may take (100 s), so that a stop never cuts one short.
_GRACE_SECONDS = 110.0
# Whoever sends an event is waiting for these; a deletion that is due has hours.
_FIRST_SERVED = {"valkey", "service"}
# A part that ends so often, so fast, will not run: whoever started us must hear of it.
_MOST_FALLS = 8
_FALLS_WITHIN = 60.0
# The exit status of a command whose configuration is wrong.
_REFUSED = 2


@click.command()
@HOST
@PORT
@data_dir("Where the embedded Valkey keeps its data (used when no redis_url is set).")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many worker processes.",
)
def up(host: str, port: int, data_dir: Path, workers: int) -> None:
    """Run service, scheduler, outbox and worker; with an embedded Valkey if no redis_url is set."""
    settings = start_up("up")
    with contextlib.ExitStack() as kept:
        environment = {}
        if settings.redis_url is not None:
            require_fit_storage(settings)
        else:
            embedded.require_installed()
            environment["UNGLUE_REDIS_URL"] = embedded.url(data_dir)
            if not settings.state_dir:
                # Kept beside it at least, what is known of the ledger shows that it was emptied.
                environment["UNGLUE_STATE_DIR"] = str(data_dir.resolve())
            kept.enter_context(held(data_dir))
        parts = _parts(settings, host, port, workers, data_dir if environment else None)
        asyncio.run(_run(parts, environment, data_dir, host, port))


def _parts(
    settings: Settings, host: str, port: int, workers: int, data_dir: Path | None
) -> dict[str, tuple[str, list[str]]]:
    """What runs, in the order in which it is started."""
    parts: dict[str, tuple[str, list[str]]] = {}
    if data_dir is not None:
        rhythm = "always" if settings.durability == "fsync" else "everysec"
        keeps = ["--data-dir", str(data_dir), "--appendfsync", rhythm]
        parts["valkey"] = ("service.supervision.embedded", keeps)
    parts["service"] = ("service", ["serve", "--host", host, "--port", str(port)])
    parts["scheduler"] = ("service", ["scheduler"])
    parts["outbox"] = ("service", ["outbox"])
    for number in range(1, workers + 1):
        parts[f"worker-{number}"] = ("service", ["worker", "--no-outbox"])
    return parts


async def _run(
    parts: dict[str, tuple[str, list[str]]], environment: dict[str, str], data_dir: Path,
    host: str, port: int,
) -> None:  # fmt: skip
    processes = Processes(environment, grace_seconds=_GRACE_SECONDS)
    stop = stop_on_signals(again=processes.hurry)
    stopping = asyncio.ensure_future(stop.wait())
    if environment:
        await end_left_over(data_dir)
    await require_free(host, port, PORT_SECONDS)
    falls: dict[str, list[float]] = {}
    clock = asyncio.get_running_loop().time
    async with processes:
        for name in parts:
            pid = await _start(processes, parts, name)
            log.info("started", part=name, pid=pid)
            if name == "valkey":
                await _answers(environment["UNGLUE_REDIS_URL"], processes, stopping)
            if stop.is_set():
                break
        saying = asyncio.create_task(_say_ready(host, port))
        while not stop.is_set():
            ending = asyncio.ensure_future(processes.wait_for_any())
            await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                ending.cancel()
                break
            name = ending.result()
            if processes.ended().get(name) == _REFUSED:
                # It said why, and would say it again and again.
                raise ConfigurationError(f"{name} refused to start; see above")
            log.error("part_ended", part=name, restart_in_seconds=_RESTART_SECONDS)
            recent = [when for when in falls.get(name, ()) if clock() - when < _FALLS_WITHIN]
            falls[name] = [*recent, clock()]
            if len(falls[name]) >= _MOST_FALLS:
                raise ProcessEnded(
                    f"{name} ended {_MOST_FALLS} times within {_FALLS_WITHIN:g} s; see above"
                )
            await processes.stop(name)
            await asyncio.wait({stopping}, timeout=_RESTART_SECONDS)
            if not stop.is_set():
                await _start(processes, parts, name)
        saying.cancel()
        log.info("stopping")


async def _start(processes: Processes, parts: dict[str, tuple[str, list[str]]], name: str) -> int:
    pid = await processes.start(name, *parts[name])
    if name not in _FIRST_SERVED:
        give_way(pid)
    return pid


async def _say_ready(host: str, port: int) -> None:
    """Tell a person at a terminal, once, where to go on."""
    if port == 0:
        return
    reach = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    url = f"http://[{reach}]:{port}" if ":" in reach else f"http://{reach}:{port}"
    await answers(url)
    log.info("ready", url=url)
    if sys.stderr.isatty():
        say(f"ready: {url}   (try: unglue doctor)", err=True)


async def _answers(url: str, processes: Processes, stopping: asyncio.Future[Any]) -> None:
    """Wait for the server, unless it ended or we are told to stop.

    Raises:
        ProcessEnded: it ended.
        StartFailed: it does not answer.
    """
    waiting = redis_answers(url, embedded.LOADING_SECONDS)
    answering: asyncio.Future[Any] = asyncio.ensure_future(waiting)
    ending: asyncio.Future[Any] = asyncio.ensure_future(processes.wait_for_any())
    await asyncio.wait({answering, ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    processes.require_running()
    if answering.done():
        answering.result()
    answering.cancel()
