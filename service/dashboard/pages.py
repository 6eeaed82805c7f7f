"""The package's Flask application, its known flaws closed from outside (an extra)."""

import secrets
from pathlib import Path
from typing import Any, Final

import structlog
from a2wsgi import WSGIMiddleware
from flask import Flask, Response, current_app, g
from flask.json.provider import DefaultJSONProvider
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Worker
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_dashboard import default_settings, web
from starlette.types import ASGIApp
from werkzeug.exceptions import HTTPException

from adapters.errors import NotFound, StorageUnavailable, UnglueError
from service.api.answers import error_answer
from service.dashboard.reading import ReadingRedis
from service.dashboard.templates import CorrectedLoader, compiled
from workers.network.redis_url import connect_blocking
from workers.outbox.cleaning import clean

log = structlog.get_logger()
_OURS: Final = Path(__file__).parent / "static"
_THEIRS: Final = Path(web.__file__).parent / "templates"
_POLL_MILLISECONDS: Final = 5000
_LONGEST: Final = 10_000


class JsonJob(Job):
    """A job as Unglue writes it. RQ's default is pickle, which runs what it reads."""

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - RQ's name for it
        connection: Redis | None = None,
        serializer: object = None,  # noqa: ARG002 - whatever the package asks for
    ) -> None:
        super().__init__(id, connection=connection, serializer=JSONSerializer)


class JsonWorker(Worker):
    """A worker, looked at. RQ's default would unpickle its current job."""

    job_class = JsonJob

    def _set_connection(self, connection: Redis) -> Redis:
        # RQ would have every later read of the dashboard wait for seven minutes.
        return connection


def _connect(*_args: object, **_options: object) -> tuple[None, Any]:
    """The package opens a connection a page, by a URL that may be neither a socket nor TLS."""
    return None, current_app.redis_conn  # type: ignore[attr-defined] # where the package looks


class CleanJson(DefaultJSONProvider):
    """What the pages are filled with: text of others that neither turns nor moves what is near."""

    def dumps(self, obj: object, **options: Any) -> str:  # noqa: ANN401 - Flask's
        """As JSON, each text in it cleaned line by line."""
        return super().dumps(_cleaned(obj), **options)


def _cleaned(value: object) -> object:
    match value:
        case str():
            return "\n".join(clean(line, _LONGEST) for line in value.split("\n"))
        case dict():
            return {name: _cleaned(each) for name, each in value.items()}
        case list():
            return [_cleaned(each) for each in value]
        case _:
            return value


# The package is configured by its module's variables.
web.config.serializer = JSONSerializer
web.from_url = _connect
web.Job = JsonJob
web.Worker = JsonWorker


class Pages:
    """The pages as an ASGI application."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_blocking(
            redis_url, ReadingRedis, socket_connect_timeout=2, socket_timeout=5, max_connections=20
        )
        self.flask = _application(self._redis)
        wsgi = WSGIMiddleware(self.flask)  # type: ignore[arg-type] # the same protocol, written twice
        self._threads = wsgi.executor
        self.app: ASGIApp = wsgi  # type: ignore[assignment] # likewise

    def close(self) -> None:
        """Give the threads and connections back."""
        self._threads.shutdown(wait=False)
        self._redis.close()


def _application(redis: Redis) -> Flask:
    app = Flask(__name__, static_folder=_OURS, static_url_path="/unglue")
    app.config.from_object(default_settings)
    app.config.update(
        # A name, not the URL: it is shown, and a URL may hold a password.
        RQ_DASHBOARD_REDIS_URL=("Redis",),
        RQ_DASHBOARD_DISABLE_DELETE=True,
        RQ_DASHBOARD_POLL_INTERVAL=_POLL_MILLISECONDS,
    )
    # The first page has two addresses; a redirect from one to the other serves nobody.
    app.url_map.redirect_defaults = False
    app.redis_conn = redis  # type: ignore[attr-defined] # where the package looks
    app.json = CleanJson(app)
    app.jinja_loader = CorrectedLoader(_THEIRS)
    app.jinja_env.filters["compiled"] = compiled
    app.register_blueprint(web.blueprint)
    app.context_processor(_nonce)
    app.after_request(_policy)
    app.register_error_handler(Exception, _failed)
    return app


def _nonce() -> dict[str, str]:
    g.nonce = secrets.token_urlsafe(18)
    return {"nonce": g.nonce}


def _policy(response: Response) -> Response:
    """A page runs what carries its nonce, and nothing else: no `eval`, no inline handlers."""
    nonce = g.get("nonce")
    allowed = (
        f"script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        if nonce
        else ""
    )
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; {allowed}base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return response


def _failed(error: Exception) -> Response:
    ours: UnglueError
    status = None
    match error:
        case NoSuchJobError() | DeserializationError() | ValueError():
            ours = NotFound("RQ holds no such job, or none that Unglue wrote")
        case ResponseError() if "out of range" in str(error):
            ours = NotFound("there is no such page of the list")
        case RedisError():
            ours = StorageUnavailable("Redis does not answer; try again later")
        case HTTPException(code=int(code)) if 400 <= code < 500:
            ours, status = NotFound("the dashboard has no such page"), code
        case _:
            log.error("dashboard_failed", exc_info=error)
            ours = UnglueError("something went wrong inside Unglue; see the service's log")
    answer = error_answer(ours, status)
    return Response(bytes(answer.body), answer.status_code, content_type="application/json")
