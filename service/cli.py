"""The `unglue` command: data on standard output, progress on standard error.

Exit status: 0 success, 1 the deletion did not succeed, 2 usage or configuration.
"""

import sys

import click

from adapters.errors import ConfigurationError, InvalidRequest, UnglueError
from service.commands.delete import delete
from service.commands.demo import demo
from service.commands.sandbox import sandbox
from service.commands.serve import scheduler, serve, worker
from service.commands.up import up
from service.logs import configure_logs


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unglue", message="%(prog)s %(version)s")
def cli() -> None:
    """Delete an offboarded client's organization from IT Glue, and prove that it is gone.

    Settings are read from unglue.toml (or the file in UNGLUE_CONFIG) and UNGLUE_* variables.
    """


for command in (serve, worker, scheduler, up, sandbox, demo, delete):
    cli.add_command(command)


def main() -> None:
    """Run the command; an error of ours is a message, never a traceback."""
    configure_logs()
    try:
        cli.main(prog_name="unglue", standalone_mode=True)
    except UnglueError as error:
        click.echo(f"unglue: {error.message}", err=True)
        sys.exit(2 if isinstance(error, ConfigurationError | InvalidRequest) else 1)
