"""Notices on their way to people: who is told of which, and what is sent to whom.

What a notice says is put together when it is sent: it tells how things stand then, and a link that
lets somebody approve is never stored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog

from adapters.errors import NotFound
from workers.ledger.ledger import Ledger
from workers.ledger.records import Deletion
from workers.ledger.sending.callbacks import Callback
from workers.outbox.approval_link import link_of
from workers.outbox.bodies import body_of
from workers.outbox.messages import message_of
from workers.outbox.outgoing import Means, NotSent, Outgoing
from workers.settings import Settings
from workers.settings.destinations import Notification

log = structlog.get_logger()


# Of these every target is told: whether it works is tried, or one of the others does not.
_FOR_ALL: Final = frozenset({"test", "target_failing"})


def targets_of(
    kind: str, targets: Mapping[str, Notification], but: object = None
) -> tuple[str, ...]:
    """The names of the targets that are told of this kind, `but` one that does not work: pure."""
    return tuple(
        name
        for name, target in targets.items()
        if (kind in _FOR_ALL or not target.kinds or kind in target.kinds) and name != but
    )


async def fan_out(notice_id: str, ledger: Ledger, settings: Settings, now: datetime) -> None:
    """Put a notice into the outbox, once for each target that wants it."""
    try:
        notice = await ledger.notices.get(notice_id)
    except NotFound:
        targets: tuple[str, ...] = ()
    else:
        failing = notice.detail.get("target") if notice.kind == "target_failing" else None
        targets = targets_of(notice.kind, settings.notifications, failing)
        if not targets:
            log.warning("notice_dropped", notice_id=notice_id, kind=notice.kind, why="no target")
    await ledger.notices.fan_out(notice_id, targets, now)


async def notification(held: Callback, means: Means) -> Outgoing | NotSent:
    """What the target is to be sent now."""
    target = means.settings.notifications.get(held.target)
    if target is None:
        return NotSent(f"[notifications.{held.target}] is no longer configured", final=True)
    try:
        notice = await means.ledger.notices.get(held.notice_id)
    except NotFound as error:
        return NotSent(error.message, final=True)
    deletion = await _deletion(notice.detail.get("deletion_id"), means)
    if notice.kind == "approval_wanted" and deletion and not deletion.awaits_approval:
        return NotSent(f"nobody has to approve any more: it is {deletion.state}", final=True)
    message = message_of(
        notice,
        deletion,
        public_url=means.settings.public_url,
        approval_url=link_of(means.settings, deletion) if deletion else None,
    )
    return Outgoing(
        url=target.url,
        body=body_of(message, target.format),
        secrets=target.secrets,
        allowed_hosts=(),
        allow_private=target.allow_private_networks,
        hint=f"see notifications.{held.target}.allow_private_networks",
    )


async def _deletion(deletion_id: object, means: Means) -> Deletion | None:
    if not isinstance(deletion_id, str):
        return None
    try:
        return await means.ledger.deletions.get(deletion_id)
    except NotFound:
        return None
