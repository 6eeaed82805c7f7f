"""What Unglue is measured beside, each behind uvicorn as Unglue is.

    python -m benchmarks.beside bare|naive PORT REDIS_URL

`bare` reads the body and answers 202. `naive` is what is usually written: the signature is checked,
the body parsed, and a job enqueued in a thread, because RQ blocks. It removes no duplicates, keeps
no record, and what dies between the pop and the end of its job is lost.
"""

import base64
import hashlib
import hmac
import json
import sys

import uvicorn
from redis import Redis
from rq import Queue
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.service import KEY

_KEY = hashlib.sha256(KEY.encode()).digest()


def bare() -> Starlette:
    """202 for everything."""

    async def take(request: Request) -> Response:
        await request.body()
        return Response(status_code=202)

    return Starlette(routes=[Route("/webhooks/{source}", take, methods=["POST"])])


def naive(redis_url: str) -> Starlette:
    """Signature, JSON, RQ."""
    queue = Queue("naive", connection=Redis.from_url(redis_url))

    async def take(request: Request) -> Response:
        body = await request.body()
        digest = hmac.digest(_KEY, body, "sha256")
        sent = request.headers.get("x-content-signature", "")
        if not hmac.compare_digest(base64.b64encode(digest).decode(), sent):
            return JSONResponse({"error": "signature"}, 401)
        event = json.loads(body)
        company = json.loads(event["Entity"])
        if company["status"]["name"] == "Inactive":
            asked = await run_in_threadpool(queue.enqueue, "naive.delete", event["ID"])
            return JSONResponse({"job": asked.id}, 202)
        return JSONResponse({"ignored": True}, 202)

    return Starlette(routes=[Route("/webhooks/{source}", take, methods=["POST"])])


if __name__ == "__main__":
    what, port, redis_url = sys.argv[1:]
    app = bare() if what == "bare" else naive(redis_url)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
