"""`unglue doctor`: does this file say all it must, and is it in force in every part?"""

import stat
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Final

from adapters.counting import counted
from service.doctor.finding import Finding
from workers.audit.in_force import policy_digest
from workers.ledger.ledger import Ledger
from workers.outbox.notify import targets_of
from workers.settings import Settings
from workers.settings.enforcement import asks_for_approval, unenforced
from workers.settings.reading import PREFIX, from_file
from workers.settings.secrecy import written_secrets
from workers.times.clock import Clock

PART: Final = "configuration"


def configured(settings: Settings) -> list[Finding]:
    """What the file promises and nobody can keep, or does not say."""
    found = [
        Finding(PART, "fail", f"cannot be enforced: {name}", "see docs/configuration.md")
        for name in unenforced(settings)
    ]
    if not any("request" in operator.roles for operator in settings.operators.values()):
        cure = "add one to [operators] if people or programs are to call the API"
        found.append(Finding(PART, "warn", "no operator has the role request", cure))
    found += approvals(settings)
    if settings.samples:
        message = f"secrets of the README, which everybody knows: {', '.join(settings.samples)}"
        cure = "make your own before anybody else can reach this: unglue init, unglue operators add"
        found.append(Finding(PART, "warn", message, cure))
    if not settings.sources:
        found.append(Finding(PART, "warn", "no source sends webhooks", "add one to [sources]"))
    if settings.callback.url is None:
        cure = "set callback.url, or give callback_url with each request"
        found.append(Finding(PART, "warn", "results are sent nowhere", cure))
    return found or [Finding(PART, "ok", f"mode {settings.policy.mode}")]


def approvals(settings: Settings) -> list[Finding]:
    """Whether those who are to approve will hear of it, and may."""
    part = "approvals"
    found = []
    if not any(asks_for_approval(settings)):
        return []
    if not settings.secret_keys:
        cure = "set secret_keys: at least 32 random characters"
        found.append(Finding(part, "warn", "links to approve with cannot be signed", cure))
    if not targets_of("approval_wanted", settings.notifications):
        cure = "add approval_wanted to the kinds of one of [notifications]"
        found.append(Finding(part, "warn", "nobody is told what waits for approval", cure))
    approvers = [name for name, each in settings.operators.items() if "approve" in each.roles]
    if len(approvers) == 1:
        cure = "give another operator the role approve; nobody approves a request of their own"
        found.append(Finding(part, "warn", f"only {approvers[0]} may approve", cure))
    return found


def exposed(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A warning if other users of the machine can read secrets in the file."""
    path = Path(environment.get(f"{PREFIX}CONFIG") or "unglue.toml")
    secrets = list(written_secrets(from_file(environment)))
    if secrets and path.stat().st_mode & stat.S_IROTH:
        message = f"every user of this machine can read {path}: {', '.join(secrets)}"
        yield Finding(PART, "warn", message, f"chmod o-r {path}, or keep them in files (…_FILE)")


async def in_force(settings: Settings, ledger: Ledger, clock: Clock) -> AsyncGenerator[Finding]:
    """What is wrong; nothing if all parts agree."""
    digest = await ledger.in_force.digest()
    if digest is not None and digest != policy_digest(settings):
        message = "this file is not in force: the service was started with another one"
        yield Finding(PART, "warn", message, "restart all parts with the same file")
    if others := await ledger.in_force.others(clock()):
        many = counted(len(others), "other configurations")
        message = f"{many} within the last hour may delete nothing"
        yield Finding(PART, "fail", message, "restart those workers and schedulers")
