"""The `unglue` command: data on standard output, progress on standard error.

Exit status: 0 success, 1 the deletion did not succeed, 2 usage or configuration.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from adapters.errors import ConfigurationError, InvalidRequest, UnglueError
from workers.times.clock import rfc3339, system_clock

# Each command's module, and the first sentence of its own help: a process of an installation loads
# what its own command needs, and who lists them loads none.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "alive": ("alive", "Whether the part in this container is alive: for probes."),
    "approve": (
        "approvals",
        "Look at a deletion's plan and approve exactly that (role approve, and not your own).",
    ),
    "audit": ("audit", "The audit log: every decision, chained and signed."),
    "cancel": (
        "deletions",
        "Stop a deletion before its call goes out: while it waits, or in its grace period.",
    ),
    "completion": (
        "completion",
        'Print the completion script of a shell; for bash: eval "$(unglue completion bash)".',
    ),
    "config": ("config", "Check the configuration, or show what it comes to."),
    "delete": (
        "delete",
        "Delete one organization and print the result object; a dry run prints the plan.",
    ),
    "deletions": (
        "deletions",
        "List deletions, newest first; or show one with its plan and journal.",
    ),
    "deliveries": (
        "deliveries",
        "List deliveries, newest first: the verdict, why, and the deletion it led to.",
    ),
    "demo": ("demo", "Run the main job end to end on this machine: nothing real is touched."),
    "dismiss": ("holds", "Say that deliveries need hold no deletion (role approve or admin)."),
    "doctor": ("doctor", "Check configuration, Redis, IT Glue, callback and export directory."),
    "holds": (
        "holds",
        "List the deliveries that hold deletions: not understood, or not proved to be genuine.",
    ),
    "init": (
        "init",
        "Ask five things and write the configuration of a pilot, with new secrets.",
    ),
    "links": ("links", "How the companies in the PSA of SOURCE are found in IT Glue."),
    "notifications": ("notifications", "Try the targets of [notifications]."),
    "operators": (
        "operators",
        "List the operators, their roles and when they were last seen (role admin).",
    ),
    "outbox": ("outbox", "Send results to callback URLs and notifications to people."),
    "pause": ("pause", "Stop every deletion at once (any role)."),
    "protect": (
        "protections",
        "Protect an organization from deletion until an admin ends that.",
    ),
    "protections": (
        "protections",
        "List the protected organizations, and those whose deletion a person stopped.",
    ),
    "reject": ("approvals", "End a deletion that waits for approval (role approve)."),
    "replay": (
        "replay",
        "Replay IDS, or what the filters find: deletions, deliveries or callbacks (results).",
    ),
    "report": (
        "status",
        ("What was asked for in a month and what came of it: counts by source, outcome and code."),
    ),
    "results": (
        "status",
        "List results on their way to callback URLs, newest first, with attempts and answers.",
    ),
    "resume": ("pause", "Let deletions go on (role admin)."),
    "sandbox": (
        "sandbox",
        "Run an IT Glue to rehearse with: invented organizations, real behaviour, no harm.",
    ),
    "scheduler": ("schedule", "Dispatch work whose time has come."),
    "schedules": ("sweeps", "List the schedules with their next times (UTC)."),
    "serve": ("serve", "Receive webhooks and answer the API."),
    "sources": (
        "sources",
        "List the sources: last delivery, verdicts, alerts, and who fell silent.",
    ),
    "spools": ("spools", "List the services' spools."),
    "status": ("status", "How everything stands, on one screen."),
    "sweep": (
        "sweeps",
        "Sweep for the organizations that the schedule NAME looks for, and request each.",
    ),
    "unprotect": ("protections", "End a protection (role admin)."),
    "up": (
        "up",
        (
            "Run service, scheduler, outbox and worker; with an embedded Valkey if no "
            "redis_url is set."
        ),
    ),
    "worker": ("work", "Carry deletions out."),
}

# The parts of an installation, for which somebody waits when it starts.
_PARTS = frozenset({"outbox", "scheduler", "serve", "worker"})
# What structlog and httpx, and redis-py, load where it is there, for what no part asks of them:
# coloured tracebacks and a command of its own; metrics. It takes as long as all three do.
_NOT_FOR_PARTS = ("rich", "opentelemetry.sdk.metrics")


def _load_libraries() -> None:
    left_out = [name for name in _NOT_FOR_PARTS if name not in sys.modules]
    for name in left_out:
        sys.modules[name] = None  # type: ignore[assignment] # how Python is told that there is none
    try:
        for library in ("structlog", "httpx", "redis.asyncio"):
            import_module(library)
    finally:
        for name in left_out:
            del sys.modules[name]


class Commands(click.Group):
    """The commands, each imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        # What is loaded stays: looking for garbage meanwhile costs a tenth of the loading.
        gc.disable()
        try:
            if cmd_name in _PARTS:
                _load_libraries()
            module, _ = COMMANDS[cmd_name]
            command = getattr(import_module(f"service.commands.{module}"), cmd_name)
        finally:
            gc.freeze()
            gc.enable()
        # From here on the command answers for Ctrl-C, no longer the system (see __main__).
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them with what each does."""
        del ctx
        room = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, click.Command(name, help=said).get_short_help_str(room))
            for name, (_, said) in sorted(COMMANDS.items())
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.command(
    cls=Commands,
    # What a misspelt one is compared with.
    commands=dict.fromkeys(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="unglue", message="%(prog)s %(version)s")
def cli() -> None:
    """Delete an offboarded client's organization from IT Glue, and prove that it is gone.

    Settings are read from unglue.toml (or the file in UNGLUE_CONFIG) and UNGLUE_* variables.
    Commands that ask the service find it at UNGLUE_URL (http://127.0.0.1:8000), with the operator's
    token in UNGLUE_TOKEN. Exit status: 0 success, 1 it did not succeed, 2 usage or configuration.
    """


def main() -> None:
    """Run the command; an error of ours is a message, never a traceback.

    With --json it is JSON too, on standard error, in the form of the API.
    """
    as_json = "--json" in sys.argv
    if sys.stdout is None:
        # Closed by whoever started us: what is done counts all the same.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    try:
        sys.exit(cli.main(prog_name="unglue", standalone_mode=False))
    except click.ClickException as error:
        if as_json:
            _refuse("Usage", error.format_message(), as_json=True)
        else:
            error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        # At a question nothing has been asked of the service yet; elsewhere the command said more.
        _refuse("Interrupted", "interrupted before it was done", as_json=as_json)
        sys.exit(130)
    except UnglueError as error:
        told = getattr(error, "code_of_service", "")
        message = f"{told}: {error.message}" if told and not as_json else error.message
        _refuse(told or error.code, message, as_json=as_json)
        sys.exit(2 if isinstance(error, ConfigurationError | InvalidRequest) else 1)
    except OSError as error:
        if error.errno is None:
            raise
        # A disk that is full, a file that may not be read: not a fault of Unglue.
        where = f"{error.filename}: " if error.filename else ""
        _refuse("OSError", f"{where}{error.strerror}", as_json=as_json)
        # What is left of the output goes nowhere, without a word more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def _refuse(code: str, message: str, *, as_json: bool) -> None:
    # It brings rich with it, which the list of commands need not wait for.
    from service.terminal.screen import say  # noqa: PLC0415

    if as_json:
        entry = {"code": code, "message": message, "timestamp": rfc3339(system_clock())}
        say(json.dumps({"errors": [entry]}), err=True)
    else:
        say(f"unglue: {message}", err=True)
