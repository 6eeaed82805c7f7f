"""What a check of `unglue doctor` saw, and a check that cannot end the others."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal

from adapters.errors import UnglueError

_CURE: Final = "cure what the other findings name, then ask again"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw. `fail` means that something will not work; `cure` says what to do."""

    part: str
    level: Literal["ok", "warn", "fail"]
    message: str
    cure: str = ""


async def alone(part: str, check: AsyncGenerator[Finding]) -> AsyncGenerator[Finding]:
    """A check whose own fault is a finding of it: the others are wanted most where one breaks.

    Only an error of ours is quoted: others may hold a URL, and with it a secret.
    """
    try:
        async with aclosing(check) as findings:
            async for finding in findings:
                yield finding
    except Exception as error:  # noqa: BLE001 - it is told as the finding
        why, cure = type(error).__name__, f"{_CURE}; else report it as a fault"
        if isinstance(error, UnglueError):
            why, cure = error.message, _CURE
        yield Finding(part, "fail", f"could not be checked: {why}", cure)
