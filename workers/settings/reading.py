"""Where the settings come from: the file, and above it the environment."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from adapters.errors import ConfigurationError

PREFIX: Final = "UNGLUE_"
# Variables that are no settings: where the file is, and what the command line needs.
_OTHERS: Final = {"CONFIG", "TOKEN", "URL"}
# Kubernetes and Docker announce a service that is called "unglue…" by variables of these forms.
_ANNOUNCED: Final = re.compile(
    r"(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
_FILE: Final = "_FILE"


def from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    """The tables of `UNGLUE_CONFIG` or `unglue.toml`, if any. Raises ConfigurationError."""
    named = environment.get(f"{PREFIX}CONFIG")
    path = Path(named or "unglue.toml")
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"UNGLUE_CONFIG names {path}, which does not exist") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None


def no_file(environment: Mapping[str, str]) -> bool:
    """Whether none is named and none is where one is looked for."""
    return not environment.get(f"{PREFIX}CONFIG") and not Path("unglue.toml").exists()


def from_environment(kind: type[BaseSettings], environment: Mapping[str, str]) -> dict[str, Any]:
    """The tables that the `UNGLUE_…` variables make up. Raises ConfigurationError."""
    ours = {
        name.upper(): value
        for name, value in environment.items()
        if name.upper().startswith(PREFIX)
    }
    _require_known(ours, kind)
    source = _Variables(kind)
    source.env_vars = {name.lower(): value for name, value in _with_secret_files(ours).items()}
    tables: dict[str, Any] = _decoded(source())
    return tables


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; `above` wins."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        result[key] = merged(known, value) if both else value  # type: ignore[arg-type] # both are mappings then
    return result


class _Variables(EnvSettingsSource):
    """What is not JSON is left to validation, which names the field and not only its table."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - raw input
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _require_known(ours: Mapping[str, str], kind: type[BaseSettings]) -> None:
    tables = {name.upper() for name in kind.model_fields}
    for name in sorted(ours):
        rest = name.removeprefix(PREFIX)
        table = (_of_file(rest) or rest).partition("__")[0]
        if table in tables or rest in _OTHERS or _ANNOUNCED.fullmatch(rest):
            continue
        hint = next((known for known in tables if table.startswith(f"{known}_")), None)
        meant = f"{PREFIX}{hint}__{table.removeprefix(f'{hint}_')}" if hint else ""
        ending = f"; did you mean {meant}, with two underscores?" if hint else ""
        raise ConfigurationError(f"{name}: there is no such setting{ending}")


def _of_file(name: str) -> str | None:
    """The setting whose value stands in a file; `AUDIT__FILE` is itself one that is called so."""
    setting = name.removesuffix(_FILE)
    return None if setting == name or setting.endswith("_") else setting


def _with_secret_files(ours: Mapping[str, str]) -> dict[str, str]:
    values = dict(ours)
    for name, path in ours.items():
        setting = _of_file(name)
        if setting is None:
            continue
        if setting in ours:
            raise ConfigurationError(f"{setting} and {name} are both set; keep one of them")
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # Not the path: it may be the secret itself.
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(f"{name} names a file that cannot be read: {reason}") from None
        del values[name]
        values[setting] = content
    return values


def _decoded(value: Any) -> Any:  # noqa: ANN401 - raw input
    """Lists and tables below a free name arrive as the text of their JSON."""
    if isinstance(value, Mapping):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
