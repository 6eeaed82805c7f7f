"""What a service need not have loaded to take deliveries: the API, the console, `/rq`.

That is a third of its start. The first who asks for any of it waits some tenths of a second, in a
thread, so that deliveries go on.
"""

import asyncio
import gc
from collections.abc import Callable

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from workers.settings import Settings


class Rest:
    """Every route, from the first request for one of them on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._router: Router | None = None
        self.close: Callable[[], None] = lambda: None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, when it is loaded."""
        async with self._loading:
            if self._router is None:
                self._router = await asyncio.to_thread(self._load)
        await self._router(scope, receive, send)

    def _load(self) -> Router:
        from service.api.routes.every import every  # noqa: PLC0415 - most of a service is behind it

        router, self.close = every(self._settings)
        # As at the start: what was loaded stays.
        gc.freeze()
        return router
