"""Single sign-on by OpenID Connect: the authorization code flow, with PKCE, state and nonce.

What the provider says of somebody counts only after the id token's signature, issuer, audience,
times and nonce were looked at. Imported only where `[oidc]` is configured: an extra.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from service.access.claims import Begun, SignOnFailed
from workers.network.addresses import may_be_plain
from workers.network.tls import public_authorities
from workers.settings.operators import OidcSettings

# Signatures that only the provider can make. With HS256 whoever knows the client's secret could.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
_SECONDS: Final = 5.0
_MOST_BYTES: Final = 512 * 1024
# How far the provider's clock may be from ours, in seconds.
_LEEWAY: Final = 60
_CONFIGURATION: Final = "/.well-known/openid-configuration"


class Provider:
    """The configured provider. `back` is the address that it sends browsers back to."""

    def __init__(self, settings: OidcSettings, back: str) -> None:
        self._settings = settings
        self._issuer = settings.issuer
        self._back = back

    async def begin(self) -> tuple[str, Begun]:
        """Where to send the browser, and what it must bring back. Raises SignOnFailed."""
        about = await self.about()
        begun = Begun(*(secrets.token_urlsafe(32) for _ in range(3)))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._back,
            "scope": " ".join(self._settings.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = _endpoint(about, "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", begun

    async def finish(
        self, begun: Begun, answer: Mapping[str, str], now: datetime
    ) -> Mapping[str, Any]:
        """The claims of who came back with this answer in the address. Raises SignOnFailed."""
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise SignOnFailed("the answer is not of this sign-on; begin it again")
        if answer.get("iss", self._issuer) != self._issuer:
            raise SignOnFailed("the answer comes from another identity provider")
        if "error" in answer:
            raise SignOnFailed(f"the identity provider says: {answer['error'][:200]}")
        about = await self.about()
        tokens = await self._redeem(about, answer.get("code", ""), begun.verifier)
        keys = await self._fetch("GET", _endpoint(about, "jwks_uri"))
        return self._proved(tokens, keys, begun.nonce, now)

    async def about(self) -> Mapping[str, Any]:
        """What the provider says of itself. Raises SignOnFailed if it is not `oidc.issuer`."""
        about = await self._fetch("GET", f"{self._issuer.rstrip('/')}{_CONFIGURATION}")
        if about.get("issuer") != self._issuer:
            itself = str(about.get("issuer"))[:200]
            raise SignOnFailed(f"the identity provider calls itself {itself}, not as oidc.issuer")
        return about

    async def usable_keys(self, about: Mapping[str, Any]) -> int:
        """How many of its keys can be read here. Raises SignOnFailed: it does not show them."""
        return len(_known(await self._fetch("GET", _endpoint(about, "jwks_uri"))))

    async def refused_client(self, about: Mapping[str, Any]) -> str:
        """Why it does not know `oidc.client_id` with its secret, "" if it does.

        It is asked with a code that it never gave, which it refuses where it knows the client.

        Raises:
            SignOnFailed: it does not answer.
        """
        status, said = await self._answered(*self._redemption(about, "unglue-doctor", "unglue" * 8))
        error = said.get("error") if isinstance(said, Mapping) else None
        known = error == "invalid_grant" or (status == 400 and error != "invalid_client")
        return "" if known else f"{str(error or '')[:200]} (status {status})".strip()

    async def _redeem(
        self, about: Mapping[str, Any], code: str, verifier: str
    ) -> Mapping[str, Any]:
        return await self._fetch(*self._redemption(about, code, verifier))

    def _redemption(
        self, about: Mapping[str, Any], code: str, verifier: str
    ) -> tuple[str, str, dict[str, str], dict[str, str]]:
        """The call that redeems a code."""
        client_id, secret = self._settings.client_id, self._settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": client_id,
            "code_verifier": verifier,
        }
        headers = {}
        ways = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret and "client_secret_basic" in ways:
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        elif secret:
            form["client_secret"] = secret
        return "POST", _endpoint(about, "token_endpoint"), form, headers

    def _proved(
        self, tokens: Mapping[str, Any], keys: Mapping[str, Any], nonce: str, now: datetime
    ) -> Mapping[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            token = jwt.decode(
                str(tokens.get("id_token", "")), jwk.KeySet(_known(keys)), algorithms=_ALGORITHMS
            )
            registry.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise SignOnFailed(
                f"the identity provider's token proves nothing: {type(error).__name__}"
            ) from None
        audience, party = token.claims["aud"], token.claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        if party != self._settings.client_id and (several or party is not None):
            raise SignOnFailed("the identity provider's token is for another program")
        return token.claims

    async def _fetch(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        status, content = await self._answered(method, url, form, headers)
        if status != 200 or not isinstance(content, dict):
            raise SignOnFailed(f"the identity provider answers {status}, and no more")
        return content

    async def _answered(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[int, Any]:
        """The status, and the JSON of 200 and of a refusal."""
        body = b""
        try:
            async with (
                asyncio.timeout(2 * _SECONDS),
                httpx.AsyncClient(
                    # A provider of one's own may have a certificate of one's own.
                    verify=public_authorities(trust_env=True),
                    timeout=_SECONDS,
                    trust_env=False,
                ) as client,
                client.stream(
                    method,
                    url,
                    data=form,
                    headers={
                        "accept": "application/json",
                        "user-agent": "Unglue",
                        **(headers or {}),
                    },
                ) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise SignOnFailed("the identity provider's answer is too large")
            if answer.status_code == 200:
                return 200, json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            raise SignOnFailed(
                f"the identity provider does not answer: {type(error).__name__}"
            ) from None
        with contextlib.suppress(ValueError, RecursionError):
            return answer.status_code, json.loads(body)
        return answer.status_code, None


def _known(keys: Mapping[str, Any]) -> list[Any]:
    found = []
    for each in keys.get("keys") or ():
        # A key of a kind that nobody here can read may stand beside the one that is needed.
        with contextlib.suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            if each.get("use", "sig") == "sig":
                found.append(jwk.import_key(each))
    return found


def _endpoint(about: Mapping[str, Any], name: str) -> str:
    url = about.get(name)
    if not isinstance(url, str) or not url.startswith("http") or not may_be_plain(url):
        raise SignOnFailed(f"the identity provider names no {name} that is https")
    return url
