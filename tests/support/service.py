"""The service over real HTTP, with a key server that counts, and ConnectWise callbacks."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import httpx
from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.rehearsal import timestamp
from service.api.app import create_app
from service.api.bounded_http import bounded
from service.api.connections import Bounds, Connections
from service.demo.stand_ins import KEY_PATH, key_server
from tests.support.serve import serve
from workers.network.tls import public_authorities
from workers.settings import Settings

KEY = "test-signing-key"
HOST = "na.myconnectwise.net"
COMPANY = "Cobalt"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
ROLES: Mapping[str, tuple[str, ...]] = {
    "alice": ("request", "approve", "admin"),
    "carol": ("approve",),
    "dave": (),
}
# Nobody answers there.
NOBODY = "http://127.0.0.1:1"
_BESIDE = {
    "configuration",
    "login_failed",
    "logged_in",
    "in_force",
    "ledger_founded",
    "account_bound",
    "spool_known",
}
# What a part writes that starts, or looks whether Redis takes writes.
_STARTED = (
    b"heartbeat:service",
    b"audit:configuration", b"marker", b"probe", b"ledger", b"ledger:accepted", b"running",
    b"in_force", b"account", b"sources:since", b"heartbeat:service",
)  # fmt: skip
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Outside:
    """An app, and what was asked of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(scope["path"])
        await self._app(scope, receive, send)


def configured(redis_url: str, key_origin: str = f"https://{HOST}", **changes: Any) -> Settings:
    """An installation with one ConnectWise source, `cw`, and three operators."""
    tables: dict[str, Any] = {
        "redis_url": redis_url,
        "itglue": {"api_key": "ITG.test", "base_url": NOBODY},
        "callback": {"url": "https://rewst.example.com/hook", "secrets": [SECRET]},
        "policy": {"export": False, "grace_period": "0s"},
        "operators": {
            name: {"token_sha256": hashlib.sha256(token(name).encode()).hexdigest(), "roles": roles}
            for name, roles in ROLES.items()
        },
        "sources": {
            "cw": {
                "vendor": "connectwise",
                "host": HOST,
                "company": COMPANY,
                "key_origin": key_origin,
                "confirm_delete": True,
            }
        },
    }
    return Settings(**{**tables, **changes})


def secret_key(name: str) -> str:
    """A key of `secret_keys`, as long as one must be."""
    return f"{name}: a key that nobody could guess"


def token(operator: str) -> str:
    return f"the long enough token of {operator}"


def signature(body: bytes, key: str = KEY) -> str:
    """`x-content-signature` as the vendor's developer guide computes it."""
    digest = hmac.digest(hashlib.sha256(key.encode()).digest(), body, "sha256")
    return base64.b64encode(digest).decode()


@dataclass
class Service:
    """A running service and what a sender or an operator does with it."""

    url: str
    key_origin: str
    keys: Outside
    http: httpx.Client = field(repr=False)

    def key_url(self, origin: str = "", path: str = KEY_PATH, company: str = COMPANY) -> str:
        return f"{origin or self.key_origin}{path}?companyName={company}&id=1"

    def callback(
        self,
        company: int = 2,
        *,
        status: str = "Inactive",
        at: datetime | None = None,
        key_url: str | None = None,
        **envelope: Any,
    ) -> bytes:
        """A company callback; `envelope` replaces its keys."""
        # Two callbacks of one second would be for a person to put in order.
        saved = timestamp(at or datetime.now(UTC))
        entity = {
            "id": company,
            "name": f"Client {company}",
            "status": {"id": 2, "name": status},
            "deletedFlag": False,
            "_info": {"lastUpdated": saved},
        }
        content = {
            "Action": "updated",
            "CompanyId": COMPANY,
            "Entity": json.dumps(entity),
            "FromUrl": HOST,
            "ID": company,
            "MemberId": "member",
            "MessageId": str(uuid4()),
            "Metadata": {"key_url": key_url or self.key_url()},
            "Type": "company",
        }
        return json.dumps({**content, **envelope}).encode()

    def send(
        self, body: bytes, *, source: str = "cw", headers: Any = None, key: str = KEY
    ) -> httpx.Response:
        """POST a delivery, signed unless other headers are given."""
        signed = {"x-content-signature": signature(body, key)}
        return self.http.post(
            f"/webhooks/{source}", content=body, headers=signed if headers is None else headers
        )

    def ask(self, content: object, *, operator: str = "alice", **headers: str) -> httpx.Response:
        """POST /v1/deletions; bytes are sent as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", "/v1/deletions", operator=operator, content=body, headers=fields)

    def call(
        self, method: str, path: str, *, operator: str = "alice", headers: Any = None, **rest: Any
    ) -> httpx.Response:
        """A request of an operator."""
        bearer = {"authorization": f"Bearer {token(operator)}"}
        return self.http.request(method, path, headers={**bearer, **(headers or {})}, **rest)


@contextmanager
def running_service(settings: Settings, keys: Outside | None = None) -> Iterator[Service]:
    """The service of these settings."""
    origin = getattr(settings.sources.get("cw"), "key_origin", "")
    connections = Connections(Bounds.of_process(), settings.trusted_proxies)
    app = create_app(settings, connections=connections)
    with (
        serve(app, http=bounded(connections), ws="none") as url,
        httpx.Client(base_url=url, verify=public_authorities(), timeout=30) as http,
    ):
        yield Service(url, origin, keys or Outside(key_server(KEY)), http)


@contextmanager
def service_with_keys(redis_url: str, **changes: Any) -> Iterator[Service]:
    """The service, and its source's key server."""
    keys = Outside(key_server(KEY))
    with (
        serve(keys) as key_origin,
        running_service(configured(redis_url, key_origin, **changes), keys) as service,
    ):
        yield service


def only_error(answer: httpx.Response, status: int, code: str) -> str:
    """The message of the one error in an answer of the documented form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"errors"}
    (error,) = answer.json()["errors"]
    assert error.keys() == {"code", "message", "timestamp"}
    assert error["code"] == code, error
    assert _INSTANT.fullmatch(error["timestamp"])
    message: str = error["message"]
    assert message
    return message


async def stored(redis: Redis) -> dict[bytes, object]:
    """Everything in the server, by key.

    But not that a service started or probed it, nor that somebody failed to log in.
    """
    content: dict[bytes, object] = {}
    for name in cast("list[bytes]", await redis.keys("*")):
        match await redis.type(name):
            case b"hash":
                content[name] = await redis.hgetall(name)
            case b"list":
                content[name] = await redis.lrange(name, 0, -1)
            case b"zset":
                content[name] = await redis.zrange(name, 0, -1, withscores=True)
            case b"set":
                content[name] = await redis.smembers(name)
            case b"stream":
                content[name] = await redis.xrange(name)
            case _:
                content[name] = await redis.get(name)
    for told_nothing in _STARTED:
        content.pop(b"unglue:" + told_nothing, None)
    pending: Any = content.get(b"unglue:audit:pending", [])
    if all(json.loads(fields[b"entry"])["what"] in _BESIDE for _, fields in pending):
        content.pop(b"unglue:audit:pending", None)
        content.pop(b"unglue:audit:number", None)
        content.pop(b"unglue:audit:tips", None)
    return content
