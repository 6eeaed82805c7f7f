"""The options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any] | click.Command)
AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
MOST: Final = click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="Most entries."
)
TIMEOUT: Final = click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds to wait for the end.",
)
HOST: Final = click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address at which it listens."
)


def port(default: int, leads: str = "") -> Callable[[_F], _F]:
    """The port at which it listens; `leads` says what must lead there."""
    said = f"The port at which it listens{leads}."
    return click.option(
        "--port", default=default, show_default=True, type=click.IntRange(0, 65535), help=said
    )


PORT: Final = port(8000, "; public_url must lead there")


def data_dir(said: str) -> Callable[[_F], _F]:
    """Where `unglue up` keeps its Valkey."""
    return click.option(
        "--data-dir",
        default="data",
        show_default=True,
        type=click.Path(path_type=Path, file_okay=False),
        help=said,
    )
