"""Whoever deletes by a bare id names the organization too: a digit is mistyped easily."""

import sys
from typing import Any

import click

from adapters.errors import ConfigurationError
from service.terminal.client import ServiceClient
from service.terminal.screen import say, screen
from service.terminal.tables import show_plan
from service.terminal.waiting import ask_and_follow


def typed_name(what_for: str, unless: str) -> str:
    """What somebody types who was shown the organization. Raises click.Abort: `unless` was said."""
    try:
        typed: str = click.prompt(f"Type the organization's name {what_for}", err=True)
    except click.Abort:
        # After the question's own line, which nobody ended.
        say(f"\n{unless}", err=True)
        raise
    return typed


def name_of(
    service: ServiceClient, request: dict[str, Any], yes_name: str | None, seconds: float
) -> str | None:
    """The name that goes with the request: given, or typed by who was shown the organization.

    Raises:
        click.UsageError: there is nobody to ask, or two names were given that differ.
    """
    given: str | None = request.get("org_name")
    if yes_name is not None and given is not None and yes_name != given:
        raise click.UsageError("--yes-name and --org-name differ; give one of them")
    if (name := yes_name if yes_name is not None else given) is not None:
        return name
    if request.get("dry_run"):
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            'a bare --org-id deletes nothing: add --yes-name "NAME", the organization\'s name '
            "exactly as in IT Glue (--dry-run shows it)"
        )
    shown = ask_and_follow(service, {**request, "dry_run": True}, seconds)
    plan = shown["plan"]
    if plan is None:
        why = "; ".join(error["message"] for error in shown["errors"]) or f"it is {shown['state']}"
        raise ConfigurationError(f"the organization could not be shown: {why}")
    show_plan(shown, screen(err=True))
    typed = typed_name("to delete it", "nothing was asked for, and nothing is deleted")
    if typed != plan["organization"]["name"]:
        raise ConfigurationError("that is not its name; nothing was asked for")
    return typed
