"""What NinjaOne and HaloPSA share: a token for an API client's credentials, and what needs one."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.sandbox.psa.tenant import Tenant

OAUTH_KEYS: Final = {"client_id": "unglue-client", "client_secret": "an-oauth-secret"}
_LASTS: Final = 3600

Handler = Callable[[Request], Awaitable[Response]]


class OAuth:
    """The token endpoint of a tenant, and who has one of its tokens."""

    def __init__(self, tenant: Tenant) -> None:
        self._at = tenant

    async def token(self, request: Request) -> Response:
        """A new token, for the right credentials."""
        trouble = await self._at.trouble(request)
        if trouble is not None:
            return trouble
        sent = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        wanted = {"grant_type": "client_credentials", **OAUTH_KEYS}
        if {name: sent.get(name) for name in wanted} != wanted:
            return JSONResponse({"error": "invalid_client"}, 400)
        token = secrets.token_hex(16)
        self._at.tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _LASTS})

    def guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Handler:
        """Trouble and tokens that are no good come first."""

        async def guarded(request: Request) -> Response:
            trouble = await self._at.trouble(request)
            if trouble is not None:
                return trouble
            sent = request.headers.get("authorization", "")
            if sent.removeprefix("Bearer ") not in self._at.tokens:
                return JSONResponse({"error": "invalid_token"}, 401)
            return await answer(request)

        return guarded
