"""An identity provider for OpenID Connect, over real HTTP, which can be told to misbehave."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.serve import serve

CLIENT = "unglue"
CLIENT_SECRET = "the client's secret at the provider"
KEY = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_KEY = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class Identity:
    """The provider. `claims` are what it says of whoever comes; the rest is how it misbehaves."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: jwk.RSAKey = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    back: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    # What was asked for by code: each is redeemed once.
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    redeemed: list[str] = field(default_factory=list)

    async def _about(self, _request: Request) -> Response:
        names = {"authorization_endpoint": "/authorize", "token_endpoint": "/token",
                 "jwks_uri": "/keys"}  # fmt: skip
        found = {name: f"{self.issuer}{path}" for name, path in names.items()}
        return JSONResponse({"issuer": self.issuer, **found, **self.about})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer, **self.back}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.asked.pop(form["code"], None)
        basic = base64.b64encode(f"{CLIENT}:{quote(CLIENT_SECRET, safe='')}".encode()).decode()
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if (
            asked is None
            or asked["code_challenge"] != proof
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.redeemed.append(form["code"])
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            head, body = (_part(each) for each in ('{"alg":"none"}', json.dumps(claims)))
            signed = f"{head}.{body}."
        elif self.algorithm == "HS256":
            secret = jwk.OctKey.import_key(CLIENT_SECRET)
            signed = jwt.encode({"alg": "HS256", "kid": "one"}, claims, secret)
        else:
            signed = jwt.encode({"alg": self.algorithm, "kid": "one"}, claims, self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

    async def _keys(self, _request: Request) -> Response:
        odd = {"kty": "odd", "kid": "odd"}
        return JSONResponse({"keys": [odd, KEY.as_dict(private=False)]})

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._about),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@contextmanager
def identity_provider() -> Iterator[Identity]:
    """A provider on a loopback port."""
    provider = Identity()
    with serve(provider.app) as url:
        provider.issuer = url
        yield provider
