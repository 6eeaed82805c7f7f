"""`GET /v1/sources`: who sends, what came of it, and who fell silent."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from service.answers import answer
from service.state import caller_of, state_of
from workers.clock import rfc3339


async def show_all(request: Request) -> Response:
    """Every configured source, by name."""
    state = state_of(request)
    caller_of(request)
    now = state.clock()
    listed = []
    for name, source in sorted(state.settings.sources.items()):
        activity = await state.ledger.sources.activity(name)
        last = activity.last_delivery
        patience = timedelta(days=source.silence_days)
        listed.append(
            {
                "name": name,
                "vendor": source.vendor,
                "url": f"{state.settings.public_url.rstrip('/')}/webhooks/{name}",
                "confirm_delete": source.confirm_delete,
                "last_delivery": rfc3339(last) if last else None,
                "silent": source.silence_days > 0 and (last is None or now - last > patience),
                "silence_days": source.silence_days,
                "verdicts": dict(activity.verdicts),
                "alerts": {code: rfc3339(at) for code, at in activity.alerts.items()},
            }
        )
    return answer({"sources": listed})
