"""`/v1/notifications`: try whether people are told, and see what became of it."""

import dataclasses

from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest, TooManyAttempts
from service.api.answers import answer
from service.api.openapi import answers
from service.api.state import caller_of, state_of


async def test(request: Request) -> Response:
    """Tell every target that this is a test; `id` shows what becomes of it."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    if not state.settings.notifications:
        raise InvalidRequest("nobody is to be told; see [notifications] in unglue.toml")
    now = state.clock()
    await state.ledger.audit.write("notifications_tested", {"operator": caller.name}, now)
    notification_id = await state.ledger.notices.write("test", {"asked_by": caller.name}, now)
    if notification_id is None:
        raise TooManyAttempts("there were too many tests; try again in an hour", 3600)
    targets = sorted(state.settings.notifications)
    return answer(answers.Tested(id=notification_id, targets=targets), 202)


async def show(request: Request) -> Response:
    """One notification: `targets` is null until it was handed out."""
    state = state_of(request)
    caller_of(request)
    notice = await state.ledger.notices.get(request.path_params["notification_id"])
    sent = [dataclasses.asdict(each) for each in await state.ledger.notices.sent(notice)]
    return answer(
        answers.Notification.about(notice, targets=sent if notice.targets is not None else None)
    )
