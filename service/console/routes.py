"""The console's addresses."""

from starlette.routing import BaseRoute, Route

from service.console import acting, deletions, deliveries, lists, overview
from service.console.door import front, log_in, sign_on
from service.console.door.front import Look, looking
from service.console.door.front import acting as form
from service.console.many import dismissing, links, replaying


def routes() -> list[BaseRoute]:
    """Every page and every form."""
    pages: dict[str, Look] = {
        "/": overview.show,
        "/deletions": deletions.show_all,
        "/deletions/{deletion_id}": deletions.show,
        "/deliveries": deliveries.show_all,
        "/deliveries/{delivery_id}": deliveries.show,
        "/results": deliveries.results,
        "/results/{callback_id}": deliveries.result,
        "/replays": replaying.show,
        "/holds": dismissing.show,
        "/links/{source}": links.show,
        "/sources": lists.show_sources,
        "/schedules": lists.show_schedules,
        "/protected": lists.show_protected,
        "/protected/{org_id}": acting.show_kept,
        "/audit": lists.show_audit,
        "/month": lists.show_month,
    }
    forms: dict[str, Look] = {
        "/deletions/{deletion_id}/approve": acting.approve,
        "/deletions/{deletion_id}/reject": acting.reject,
        "/deletions/{deletion_id}/cancel": acting.cancel,
        "/deletions/{deletion_id}/replay": acting.replay,
        "/deletions/{deletion_id}/resend": acting.resend,
        "/deliveries/{delivery_id}/replay": acting.replay_delivery,
        "/deliveries/{delivery_id}/dismiss": acting.dismiss,
        "/results/{callback_id}/send-again": acting.send_again,
        "/protected": acting.protect,
        "/protected/{org_id}/end": acting.unprotect,
        "/replays": replaying.begin,
        "/replays/{replay_id}/stop": replaying.stop,
        "/holds": dismissing.dismiss,
        "/links/{source}": links.read,
        "/links/{source}/sweep": links.sweep,
        "/pause": overview.pause,
        "/pause/end": overview.resume,
    }
    return [
        Route(front.LOG_IN, log_in.show, methods=["GET"]),
        Route(front.LOG_IN, log_in.log_in, methods=["POST"]),
        Route(front.BY_PROXY, log_in.by_proxy, methods=["GET"]),
        Route(sign_on.BEGIN, sign_on.begin, methods=["GET"]),
        Route(sign_on.BACK, sign_on.back, methods=["GET"]),
        Route("/log-out", log_in.log_out, methods=["POST"]),
        *(Route(path, looking(look), methods=["GET"]) for path, look in pages.items()),
        *(Route(path, form(act), methods=["POST"]) for path, act in forms.items()),
    ]
