"""Request headers as they arrived: ordered, repeated, case-insensitive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.errors import SignatureInvalid


@dataclass(frozen=True, slots=True)
class Headers:
    """An immutable multi-map of header fields. Names are lower case."""

    items: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> "Headers":
        """Headers from a mapping or from (name, value) pairs."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        return cls(tuple((name.lower(), value) for name, value in pairs))

    def all(self, name: str) -> tuple[str, ...]:
        """Every value sent under this name, in order."""
        wanted = name.lower()
        return tuple([value for key, value in self.items if key == wanted])

    def only(self, name: str) -> str | None:
        """The value, if it was sent exactly once: of two signatures none is to be chosen."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None

    def one(self, name: str) -> str:
        """The value. Raises SignatureInvalid: it was not sent exactly once."""
        value = self.only(name)
        if value is None:
            raise SignatureInvalid(f"{name} is missing or was sent more than once")
        return value
