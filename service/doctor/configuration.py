"""`unglue doctor`: is this file the configuration that is in force, in every part?"""

import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from adapters.counting import counted
from service.doctor.finding import Finding
from workers.audit.in_force import policy_digest
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.settings.reading import PREFIX, from_file
from workers.settings.secrecy import written_secrets

PART: Final = "configuration"
Told = tuple[Literal["warn", "fail"], str, str]


def exposed(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A warning if other users of the machine can read secrets in the file."""
    path = Path(environment.get(f"{PREFIX}CONFIG") or "unglue.toml")
    secrets = list(written_secrets(from_file(environment)))
    if secrets and path.stat().st_mode & stat.S_IROTH:
        message = f"every user of this machine can read {path}: {', '.join(secrets)}"
        yield Finding(PART, "warn", message, f"chmod o-r {path}, or keep them in files (…_FILE)")


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
        many = counted(len(others), "other configurations")
        yield (
            "fail",
            f"{many} within the last hour may delete nothing",
            "restart those workers and schedulers",
        )
