"""`unglue notifications test`: do people hear of what needs them?"""

import sys
import time
from typing import Any

import click

from service.terminal.client import ServiceClient
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_json, show_list

_LOOK_EVERY = 0.3


@click.group()
def notifications() -> None:
    """Try the targets of [notifications]."""


@notifications.command()
@AS_JSON
@click.option("--wait", default=30.0, show_default=True, help="Seconds to wait for the answers.")
def test(wait: float, *, as_json: bool) -> None:
    """Send a test to every target, and show what each of them answered (role admin).

    Exit status: 0 every target took it, 1 one did not.
    """
    with ServiceClient.from_environment() as service:
        asked = service.call("POST", "/v1/notifications/test")
        deadline = time.monotonic() + wait
        while True:
            seen = service.call("GET", f"/v1/notifications/{asked['id']}")
            if _answered(seen) or time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_EVERY)
    if as_json:
        show_json(seen)
    else:
        _show(seen)
    if untried := [each["target"] for each in seen["targets"] or () if each["attempts"] == 0]:
        say(
            f"not tried within {wait:g} s: {', '.join(untried)}; it waits for an outbox, or for a "
            "host that does not answer: unglue doctor",
            err=True,
        )
    taken = [each["state"] == "delivered" for each in seen["targets"] or ()]
    sys.exit(0 if taken and all(taken) else 1)


def _answered(seen: dict[str, Any]) -> bool:
    targets = seen["targets"]
    return targets is not None and all(each["attempts"] > 0 for each in targets)


def _show(seen: dict[str, Any]) -> None:
    if seen["targets"] is None:
        say("It was not handed out yet; is an outbox running? See: unglue doctor", err=True)
        return
    columns = (
        Column("target", "keep"), Column("state", "keep"), Column("status", "keep"),
        Column("answer"),
    )  # fmt: skip
    fields = ("target", "state", "status", "answer")
    show_list(columns, [[each[name] for name in fields] for each in seen["targets"]])
