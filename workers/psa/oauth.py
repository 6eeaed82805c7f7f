"""OAuth's client credentials: a token is asked for, and kept while it lasts."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

from adapters.errors import PsaRefused
from workers.psa.http import Method, PsaHttp, Reply

# Asked for anew a little before it ends.
_EARLY: Final = 60.0
_LEAST: Final = 5.0


class Tokens:
    """The requests of one API client, each with a token that is good."""

    def __init__(
        self,
        http: PsaHttp,
        url: str,
        form: Mapping[str, str],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._http = http
        self._url = url
        self._form = {"grant_type": "client_credentials", **form}
        self._clock = clock
        self._token = ""
        self._ends = 0.0

    async def get(self, url: str, query: Mapping[str, str] | None = None) -> Reply:
        """What is answered to a question. Raises PsaError: as of `send`."""
        return await self.send("GET", url, query)

    async def send(
        self,
        method: Method,
        url: str,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Reply:
        """What is answered; a token that ended early is replaced, once. Raises PsaError."""
        known = self._clock() < self._ends
        try:
            return await self._http.send(method, url, await self._headers(), query, content)
        except PsaRefused:
            self._ends = 0.0
            if not known:
                raise
        return await self._http.send(method, url, await self._headers(), query, content)

    async def _headers(self) -> dict[str, str]:
        if self._clock() >= self._ends:
            asked = self._clock()
            reply = await self._http.send("POST", self._url, {}, form=self._form)
            token, lasts = reply.fields.get("access_token"), reply.fields.get("expires_in")
            if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                raise self._http.unreadable("gives no token; look at api.base_url")
            seconds = float(lasts) if isinstance(lasts, int | float) else 0.0
            self._token, self._ends = token, asked + max(_LEAST, seconds - _EARLY)
        return {"authorization": f"Bearer {self._token}"}
