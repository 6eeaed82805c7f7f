"""The configuration of a pilot: everything is shown, nothing is deleted. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from service.access.operators import token_hash

VENDORS: Final = ("connectwise", "autotask", "ninjaone", "halopsa", "standard")
REGIONS: Final = ("us", "eu", "au")
REHEARSAL_URL: Final = "http://127.0.0.1:9100"
REHEARSAL_KEY: Final = "ITG.sandbox"
# Below every pilot, and below the sample: whoever wrote the file asks what comes next.
STEPS_TO_LIVE: Final = """\
# From here to live (docs/from-pilot-to-live.md; restart every part after a change):
# 1. Look for two weeks: does `unglue deletions` show what a person would have deleted?
# 2. mode = "delete", only_ids = ["…"]: one client at a time, each approved and seen to be gone.
# 3. only_ids = [] and, after a month of plain approvals, approval = "webhooks".
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """The system that says who is inactive; `host` and `company` are ConnectWise's."""

    vendor: str
    host: str = ""
    company: str = ""
    webhook_guid: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answered. Without a `region` the pilot asks the sandbox."""

    region: str
    api_key: str = field(repr=False)
    sender: Sender
    callback_url: str
    requester: str
    approver: str


@dataclass(frozen=True, slots=True)
class Pilot:
    """The file's content, and what is shown once: tokens of operators, secrets of senders."""

    toml: str = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)
    shared: Mapping[str, str] = field(repr=False)


def pilot(
    answers: Answers,
    *,
    new_token: Callable[[], str],
    new_secret: Callable[[], str],
    new_signing_secret: Callable[[], str],
) -> Pilot:
    """The pilot of these answers, with secrets of its own of 32 characters or more."""
    tokens = {answers.requester: new_token(), answers.approver: new_token()}
    source, secret = _source(answers.sender, new_secret, new_signing_secret)
    shared = {} if secret is None else {answers.sender.vendor: secret}
    receiver: list[str] = []
    if answers.callback_url:
        key = new_signing_secret()
        shared["callback"] = key
        receiver = ["[callback]", _line("url", answers.callback_url), _line("secrets", [key]), ""]
    account = (
        [_line("region", answers.region)]
        if answers.region
        else [_line("base_url", REHEARSAL_URL) + "   # unglue sandbox"]
    )
    lines = [
        "# Made by: unglue init. It shows what would be deleted, and deletes nothing.",
        '# Keep this file private: it holds secrets. "unglue config check" reads it.',
        'spool_dir = "data/spool"       # events that come while Redis is away',
        'state_dir = "data/state"       # shows that Redis is still the same ledger',
        '# public_url = "https://unglue.example.com"   # where people and senders reach it',
        _line("secret_keys", [new_secret()]),
        "",
        "[itglue]",
        *account,
        _line("api_key", answers.api_key),
        "",
        *receiver,
        "[policy]",
        'mode = "preview"               # then "soft_delete" or "delete"',
        'approval = "always"            # a person approves each deletion',
        'grace_period = "48h"           # in which it can still be stopped',
        "only_ids = []                  # with an id in it, nothing else may be deleted",
        "max_deletions_per_day = 10",
        "",
        f"[sources.{answers.sender.vendor}]   # POST /webhooks/{answers.sender.vendor}",
        _line("vendor", answers.sender.vendor),
        *source,
        "",
        *_operator(answers.requester, ["request", "admin"], tokens[answers.requester]),
        "",
        *_operator(answers.approver, ["approve"], tokens[answers.approver]),
        "",
        "# [notifications.ops]          # who hears what waits, holds or failed",
        '# url = "https://hooks.example.com/ops"',
        '# format = "slack"             # or "teams", "json"',
        "",
        STEPS_TO_LIVE,
    ]
    return Pilot("\n".join(lines), tokens, shared)


def _source(
    sender: Sender, new_secret: Callable[[], str], new_signing_secret: Callable[[], str]
) -> tuple[list[str], str | None]:
    """The lines of the source, and the secret that its sender has to be given."""
    match sender.vendor:
        case "connectwise":
            lines = [_line("host", sender.host), _line("company", sender.company)]
            return [*lines, _line("inactive_statuses", ["Inactive"])], None
        case "autotask":
            secret = new_secret()
            lines = [_line("webhook_guid", sender.webhook_guid), _line("secrets", [secret])]
            return lines, secret
        case "ninjaone":
            secret = f"Bearer {new_secret()}"
            return [_line("secrets", [secret])], secret
        case "halopsa":
            secret = new_secret()
            return [_line("auth", "bearer"), _line("secrets", [secret])], secret
        case _:
            secret = new_signing_secret()
            return [_line("secrets", [secret])], secret


def _operator(name: str, roles: list[str], token: str) -> list[str]:
    return [f"[operators.{name}]", _line("token_sha256", token_hash(token)), _line("roles", roles)]


def _line(name: str, value: str | list[str]) -> str:
    # A JSON string is a TOML string.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
