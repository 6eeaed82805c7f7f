"""An answer comes in time, or says that it did not."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.api.deadline import Deadline
from tests.support.in_process import InProcess


async def hang(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def answered(_request: Request) -> Response:
    return PlainTextResponse("yes")


APP = Starlette(
    routes=[
        Route("/v1/hangs", hang, methods=["GET", "POST"]),
        Route("/v1/answers", answered),
        Route("/elsewhere", hang),
    ],
    middleware=[Middleware(Deadline, seconds=0.01)],
)


async def got(path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(transport=InProcess(APP), base_url="http://x") as http:
        return await http.request(method, path)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_route_that_hangs_is_answered(method: str) -> None:
    answer = await got("/v1/hangs", method)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    (error,) = answer.json()["errors"]
    assert error["code"] == "Unavailable"
    assert ("not known whether anything was changed" in error["message"]) == (method == "POST")


async def test_one_that_answers_is_not_touched() -> None:
    assert (await got("/v1/answers")).text == "yes"


async def test_webhooks_have_limits_of_their_own() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(got("/elsewhere"), 0.1)
