"""The file of a source's secret that is not there yet: made when the vendor has the secret."""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.errors import ConfigurationError
from workers.settings.reading import PREFIX


@dataclass(frozen=True, slots=True)
class Missing:
    """A variable that names a file of secrets which does not exist."""

    variable: str
    path: Path

    @property
    def words(self) -> str:
        """What a person reads: never the path, which may be the secret itself."""
        return f"{self.variable} names a file that is not there"


@dataclass(frozen=True, slots=True)
class Made:
    """A new secret, written beside the file that it becomes when it is kept."""

    missing: Missing
    _draft: Path
    _value: str

    def environment(self, known: Mapping[str, str], prefix: str = "") -> dict[str, str]:
        """The environment as if the file were there; `prefix` belongs before the secret."""
        content = json.dumps([prefix + self._value])
        self._draft.write_text(f"{content}\n", encoding="utf-8")
        others = {name: value for name, value in known.items() if name != self.missing.variable}
        return {**others, self.missing.variable[: -len("_FILE")]: content}

    def keep(self) -> None:
        """The file is there, whole, readable by its owner alone; never in place of another.

        Raises:
            ConfigurationError: it could not be made, or came to be there meanwhile.
        """
        try:
            with self._draft.open("rb") as file:
                os.fsync(file.fileno())
            os.link(self._draft, self.missing.path)
        except OSError as error:
            raise ConfigurationError(
                f"the vendor has a new secret, and the file of {self.missing.variable} could not "
                f"be made ({error.strerror}); do it again, or nothing that is sent is genuine"
            ) from None


def missing(source: str, environment: Mapping[str, str]) -> Missing | None:
    """The file that is to hold the source's secrets, if one is named and is not there."""
    wanted = f"{PREFIX}SOURCES__{source}__SECRETS_FILE".upper()
    for name, path in environment.items():
        if name.upper() == wanted and path and not Path(path).exists():
            return Missing(name, Path(path))
    return None


@contextmanager
def made(missing: Missing) -> Iterator[Made]:
    """A new secret for this file. Raises ConfigurationError."""
    if not missing.path.is_absolute() or missing.path.is_symlink():
        raise ConfigurationError(f"{missing.words}; to have it made, name it by its whole path")
    try:
        handle, draft = tempfile.mkstemp(prefix=".unglue-", dir=missing.path.parent)
    except OSError as error:
        raise ConfigurationError(f"{missing.words}, nor can it be: {error.strerror}") from None
    os.close(handle)
    try:
        yield Made(missing, Path(draft), secrets.token_urlsafe(32))
    finally:
        Path(draft).unlink(missing_ok=True)
