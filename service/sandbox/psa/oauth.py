"""What NinjaOne and HaloPSA share: a token for an API client's credentials, and what needs one."""

import secrets
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.sandbox.psa.tenant import Answer, Tenant

OAUTH_KEYS: Final = {"client_id": "unglue-client", "client_secret": "an-oauth-secret"}
_LASTS: Final = 3600


class OAuth:
    """The token endpoint of a tenant, and who has one of its tokens."""

    def __init__(self, tenant: Tenant) -> None:
        self.at = tenant

    async def token(self, request: Request) -> Response:
        """A new token, for the right credentials."""
        trouble = await self.at.trouble(request)
        if trouble is not None:
            return trouble
        sent = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        wanted = {"grant_type": "client_credentials", **OAUTH_KEYS}
        if {name: sent.get(name) for name in wanted} != wanted:
            return JSONResponse({"error": "invalid_client"}, 400)
        token = secrets.token_hex(16)
        self.at.tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _LASTS})

    def guarded(self, answer: Answer) -> Answer:
        """Trouble and tokens that are no good come first."""
        return self.at.guarded(answer, self._refused)

    def _refused(self, request: Request) -> Response | None:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = sent in self.at.tokens
        return None if known else JSONResponse({"error": "invalid_token"}, 401)
