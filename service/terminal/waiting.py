"""Waiting at the command line for the end of a deletion, and stopping it from there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapters.errors import UnglueError
from service.terminal.client import ServiceClient
from service.terminal.outcome import due
from service.terminal.screen import say
from workers.pipeline.states import CANCELLED, RUNNING, TERMINAL

INTERRUPTED = 130
_LOOK_EVERY = 0.3


def ask_and_follow(service: ServiceClient, request: dict[str, Any], seconds: float) -> Any:  # noqa: ANN401 - any JSON value
    """Ask for a deletion and wait for its end; as it stands when the time is up.

    Each change of its state is told. Ctrl-C tries to cancel it, says what came of that, and ends
    the command.
    """
    deletion: dict[str, Any] | None = None
    try:
        deletion = service.call("POST", "/v1/deletions", request)
        say(f"{deletion['id']}: waiting for the end …", err=True)
        return _end_of(service, deletion, seconds)
    except KeyboardInterrupt:
        _interrupted(service, deletion)
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def interruptible(goes_on: str) -> Iterator[None]:
    """Ctrl-C ends the command here, and says that what it waited for does not end with it."""
    try:
        yield
    except KeyboardInterrupt:
        say(goes_on, err=True)
        raise SystemExit(INTERRUPTED) from None


def _end_of(service: ServiceClient, deletion: dict[str, Any], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    said = deletion["state"]
    while deletion["state"] not in TERMINAL and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        deletion = service.call("GET", f"/v1/deletions/{deletion['id']}")
        if deletion["state"] != said and deletion["state"] not in TERMINAL:
            said = deletion["state"]
            waits = f", {due(deletion)}" if deletion["due_at"] and said != RUNNING else ""
            say(f"{deletion['id']}: {said}{waits}", err=True)
    return deletion


def _interrupted(service: ServiceClient, deletion: dict[str, Any] | None) -> None:
    if deletion is None:
        say("look: unglue deletions", err=True)
        return
    name = deletion["id"]
    try:
        stopped = service.call("POST", f"/v1/deletions/{name}/cancel")
    except UnglueError as error:
        say(
            f"{name} is not cancelled and goes on: {error.message}\n"
            f"look: unglue deletions {name}; to stop it, while that is possible: "
            f"unglue cancel {name}",
            err=True,
        )
        return
    ended = stopped["state"] == CANCELLED
    after = "nothing was deleted" if ended else f"look: unglue deletions {name}"
    say(f"{name} is {stopped['state']}; {after}", err=True)
