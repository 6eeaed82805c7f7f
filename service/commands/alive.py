"""`unglue alive`: what a container's probe asks."""

import click
import httpx

from service.terminal.client import service_url
from service.terminal.screen import say
from workers.settings import load_settings
from workers.upkeep.pulse import STALE_SECONDS, age

_SECONDS = 5.0


@click.command()
def alive() -> None:
    """Whether the part in this container is alive: for probes.

    A worker, scheduler or outbox by the time of its file, worker.pulse; where that part never wrote
    one, the service by its /healthz. Exit status: 0 it is, 1 it is not.
    """
    path = load_settings().worker.pulse
    seconds = age(path) if path else None
    if seconds is not None:
        well, told = seconds < STALE_SECONDS, f"{path} is {seconds:.0f} s old"
    else:
        well, told = _answers(f"{service_url()}/healthz")
    say(told, err=not well)
    if not well:
        raise SystemExit(1)


def _answers(url: str) -> tuple[bool, str]:
    try:
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return False, f"{url}: {type(error).__name__}"
    return answer.status_code == 200, f"{url}: {answer.status_code}"
