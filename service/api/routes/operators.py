"""`/v1/operators`: who may call, and what each of them may do."""

from starlette.requests import Request
from starlette.responses import Response

from service.api.answers import answer
from service.api.state import caller_of, state_of
from workers.times.clock import rfc3339


async def show_all(request: Request) -> Response:
    """The operators. `last_seen` is null for one who did not call since this process started."""
    state, caller = state_of(request), caller_of(request)
    caller.require("admin")
    listed = []
    for name, operator in sorted(state.settings.operators.items()):
        seen = state.logins.seen.get(name)
        listed.append(
            {
                "name": name,
                "roles": list(operator.roles),
                "last_seen": rfc3339(seen) if seen else None,
            }
        )
    return answer({"operators": listed})
