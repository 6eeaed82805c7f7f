"""`/v1/operators`: who may call, and what each of them may do."""

from starlette.requests import Request
from starlette.responses import Response

from service.api.answers import answer
from service.api.openapi import answers
from service.api.state import caller_of, state_of


async def show_all(request: Request) -> Response:
    """The operators. `last_seen` is null for one who did not call since this process started."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    listed = [
        answers.Operator.about(operator, name=name, last_seen=state.logins.seen.get(name))
        for name, operator in sorted(state.settings.operators.items())
    ]
    return answer(answers.Operators(operators=listed))
