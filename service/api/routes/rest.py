"""What a service need not have loaded to take deliveries: the API, the console, `/rq`.

That is a third of its start. The first who asks for any of it waits some tenths of a second, in a
thread, so that deliveries go on.
"""

import asyncio
import gc
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from workers.settings import Settings

if TYPE_CHECKING:
    from service.api.routes.every import Every


class Rest:
    """Every route, from the first request for one of them on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._every: Every | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, when it is loaded."""
        async with self._loading:
            if self._every is None:
                self._every = await asyncio.to_thread(self._load)
        await self._every.router(scope, receive, send)

    def _load(self) -> "Every":
        from service.api.routes.every import Every  # noqa: PLC0415 - most of a service is behind it

        every = Every(self._settings)
        # As at the start: what was loaded stays.
        gc.freeze()
        return every

    def close(self) -> None:
        """Give back what is behind them."""
        if self._every is not None:
            self._every.close()
