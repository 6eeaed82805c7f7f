"""`unglue doctor`: is this file the configuration that is in force, in every part?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from workers.ledger.ledger import Ledger
from workers.processes.in_force import policy_digest
from workers.settings import Settings

PART: Final = "configuration"
Told = tuple[Literal["warn", "fail"], str, str]


async def in_force(settings: Settings, ledger: Ledger, now: datetime) -> list[Told]:
    """What is wrong, each as level, message and cure; nothing if all parts agree."""
    digest, others = await ledger.in_force.digest(), await ledger.in_force.others(now)
    return list(_told(policy_digest(settings), digest, others))


def _told(mine: str, digest: str | None, others: list[str]) -> Iterator[Told]:
    if digest is not None and digest != mine:
        yield (
            "warn",
            "this file is not in force: the service was started with another one",
            "restart all parts with the same file",
        )
    if others:
        yield (
            "fail",
            f"{len(others)} other configuration(s) within the last hour are granted no deletion",
            "restart those workers and schedulers",
        )
