"""`unglue completion`: the script with which a shell completes commands and flags."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell; for bash: eval "$(unglue completion bash)"."""
    made = get_completion_class(shell)
    if made is None:  # pragma: no cover - the choice holds only those that click has
        raise click.UsageError(f"no completion for {shell}")
    script = made(context.find_root().command, {}, "unglue", "_UNGLUE_COMPLETE")
    click.echo(script.source())
