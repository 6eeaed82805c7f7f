"""`unglue config`: is the file right, and what does it come to with the environment?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from pydantic import BaseModel

from service.terminal.options import AS_JSON
from service.terminal.screen import say, show_done, show_json
from workers.settings import load_settings
from workers.settings.enforcement import require_enforceable

_HIDDEN = "…"


@click.group()
def config() -> None:
    """Check the configuration, or show what it comes to."""


@config.command()
@AS_JSON
def check(*, as_json: bool) -> None:
    """Read unglue.toml and the environment as a start would; nothing is contacted.

    Exit status: 0 it would start, 2 it would not, with everything that is wrong.
    """
    settings = load_settings()
    require_enforceable(settings)
    mode, sources = settings.policy.mode, sorted(settings.sources)
    words = f"Mode {mode}; sources: {', '.join(sources) or 'none'}."
    found = {"mode": mode, "sources": sources}
    show_done(found, f"The configuration is valid. {words}", as_json=as_json)


@config.command()
@AS_JSON
def show(*, as_json: bool) -> None:
    """Print every setting as it is in force, defaults included; secrets are not shown."""
    settings = load_settings()
    if as_json:
        show_json(_plain(settings))
        return
    for name, value in _flat(_plain(settings), ""):
        say(f"{name} = {json.dumps(value, ensure_ascii=False)}")


def _plain(model: BaseModel) -> dict[str, Any]:
    """The settings as JSON values, with what is secret left out."""
    values = model.model_dump(mode="json")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            values[name] = _plain(value)
        elif isinstance(value, Mapping) and any(isinstance(v, BaseModel) for v in value.values()):
            values[name] = {key: _plain(each) for key, each in value.items()}
        elif not field.repr and value:
            values[name] = [_HIDDEN] * len(value) if isinstance(value, tuple) else _HIDDEN
    return values


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value and name != "dependency_limits":
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
