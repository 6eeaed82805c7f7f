"""`docs/configuration.md`: every setting, its type, default and variable. Pure.

Written from the settings (`python -m publishing.configuration`), with the sample in front; a test
compares the file.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.contract import SourceConfig
from adapters.registry import VENDORS
from publishing.meanings import MEANINGS
from workers.settings import Settings
from workers.settings.reading import PREFIX

SAMPLE: Final = Path(__file__).parents[1] / "deploy" / "unglue.example.toml"
_WORDS: Final = {
    str: "text", int: "number", float: "number", bool: "true or false", timedelta: "duration"
}  # fmt: skip


class Key(NamedTuple):
    """One setting: its whole name, with NAME where that is yours, and what it takes."""

    name: str
    kind: str
    default: str
    secret: bool


def settings_of(kind: type[BaseModel] = Settings, place: str = "") -> Iterator[Key]:
    """Every setting of a table and of the tables in it."""
    for name, field in kind.model_fields.items():
        inner = _bare(field.annotation)
        if get_origin(inner) is Mapping:
            value = _bare(get_args(inner)[1])
            if value is not None and _is_model(value):
                yield from settings_of(value, f"{place}{name}.NAME.")
                continue
        table = next((each for each in (inner, *get_args(inner)) if _is_model(each)), None)
        if table is not None:
            yield from settings_of(table, f"{place}{name}.")
        else:
            yield Key(f"{place}{name}", _kind(inner), _default(field), not field.repr)


def vendor_keys(vendor: str) -> Iterator[Key]:
    """What a source of this vendor has beside what every source has."""
    shared = SourceConfig.model_fields
    for key in settings_of(VENDORS[vendor].config, "sources.NAME."):
        if key.name.split(".")[2] not in shared:
            yield key


def variable(name: str) -> str:
    """The variable that sets it."""
    return PREFIX + name.replace(".", "__").upper()


def page(sample: str) -> str:
    """The whole page."""
    return "\n".join(_lines(sample)) + "\n"


def _lines(sample: str) -> Iterator[str]:
    yield _HEAD.format(sample=sample.rstrip())
    tables: dict[str, list[Key]] = {}
    for key in settings_of():
        tables.setdefault(key.name.rpartition(".")[0], []).append(key)
    for table, members in tables.items():
        yield f"\n## {f'`[{table}]`' if table else 'Top of the file'}\n"
        yield "| key | takes | default | means | variable |"
        yield "|---|---|---|---|---|"
        yield from (_row(key, MEANINGS.get(key.name, "")) for key in members)
    for vendor in sorted(VENDORS):
        own = list(vendor_keys(vendor))
        yield f'\n## `vendor = "{vendor}"`\n'
        yield f"Beside the above. [Its page](../adapters/{vendor}/README.md) says what they mean.\n"
        yield "| key | takes | default | variable |"
        yield "|---|---|---|---|"
        yield from (_row(key) for key in own)


def _row(key: Key, *means: str) -> str:
    name = key.name.removeprefix("sources.NAME.") if not means else key.name.rpartition(".")[2]
    takes = f"{key.kind} (secret)" if key.secret else key.kind
    cells = (f"`{name}`", takes, key.default, *means, f"`{variable(key.name)}`")
    return f"| {' | '.join(cells)} |"


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(kind: Any) -> Any:  # noqa: ANN401 - any annotation
    """Without what only checks it, and without "or nothing"."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, UnionType}:
        some = [each for each in get_args(kind) if each is not NoneType]
        return _bare(some[0]) if len(some) == 1 else kind
    return kind


def _kind(kind: Any) -> str:  # noqa: ANN401 - any annotation
    kind = _bare(kind)
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is Literal:
            listed = ", ".join(f'`"{each}"`' for each in arguments[:5])
            return f"{listed} …" if len(arguments) > 5 else listed
        case origin if origin is tuple:
            return f"list of {_kind(arguments[0])}"
        case origin if origin is Mapping:
            return "table"
        case origin if origin in {Union, UnionType}:
            return " or ".join(dict.fromkeys(map(_kind, arguments)))
    return _WORDS[kind]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _written(field.get_default(call_default_factory=True))


def _written(value: object) -> str:
    match value:
        case None | "" | ():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case tuple():
            return "`[" + ", ".join(f'"{each}"' for each in value) + "]`"
        case Mapping():
            return "0 of each kind" if set(value.values()) == {0} else f"`{dict(value)}`"
    return f"`{value}`"


_HEAD = """\
# Configuration

<!-- Written by `make reference` from the code. Do not edit. -->

`unglue.toml` in the working directory, or the file that `UNGLUE_CONFIG` names. Every setting has a
variable, which wins over the file; any variable with `_FILE` at its end is read from that file
(`UNGLUE_ITGLUE__API_KEY_FILE=/run/secrets/itglue`), as is best for secrets. In a variable a list is
JSON: `UNGLUE_POLICY__ONLY_IDS='["301"]'`. In the name of a variable NAME is the table's own name.
A wrong or unknown key stops start-up with its name. `unglue config check` reads the file and starts
nothing; `unglue init` asks five things and writes one; [from pilot to live](from-pilot-to-live.md)
says which settings come when.

A duration is a number with a unit: `"10s"`, `"15m"`, `"48h"`, `"7d"`.

## A sample

[`deploy/unglue.example.toml`](../deploy/unglue.example.toml) is the pilot: it shows what would be
deleted and deletes nothing. Whatever says *rehearsal* is known to everybody: with the address of a
real account start-up refuses it. A safeguard that is configured and that cannot be kept (an approval
that no operator may give) stops start-up with its name.

```toml
{sample}
```

`unglue operators add` makes tokens; a hash is also `printf %s "$TOKEN" | sha256sum`."""


if __name__ == "__main__":
    print(page(SAMPLE.read_text(encoding="utf-8")), end="")  # noqa: T201 - its output is the file
