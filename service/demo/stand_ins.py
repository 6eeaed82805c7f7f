"""The two outside parties of the demonstration: ConnectWise's key server, a callback receiver."""

import asyncio

import click
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY_PATH = "/v2025_1//system/callbackkey/index.rails"
_LONGEST_WAIT = 30.0


def key_server(signing_key: str) -> Starlette:
    """Answers with the key that the demonstration's callbacks are signed with."""

    async def key(_request: Request) -> Response:
        return JSONResponse({"signing_key": signing_key})

    return Starlette(routes=[Route(KEY_PATH, key)])


def receiver() -> Starlette:
    """Keeps what is posted to `/hook`; `/received/N` waits for the Nth (from 0)."""
    received: list[dict[str, object]] = []
    arrived = asyncio.Condition()

    async def hook(request: Request) -> Response:
        body = await request.body()
        async with arrived:
            received.append({"headers": dict(request.headers), "body": body.decode()})
            arrived.notify_all()
        return Response(status_code=204)

    async def nth(request: Request) -> Response:
        number = request.path_params["number"]
        try:
            async with asyncio.timeout(_LONGEST_WAIT), arrived:
                await arrived.wait_for(lambda: len(received) > number)
        except TimeoutError:
            return Response("nothing arrived", 404)
        return JSONResponse(received[number])

    return Starlette(
        routes=[Route("/hook", hook, methods=["POST"]), Route("/received/{number:int}", nth)]
    )


@click.command()
@click.argument("part", type=click.Choice(["key-server", "receiver"]))
@click.option("--port", type=int, required=True)
@click.option("--signing-key", default="")
def main(part: str, port: int, signing_key: str) -> None:
    """Run one of them."""
    app = key_server(signing_key) if part == "key-server" else receiver()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
