"""No secret and no password's value is found where it need not be, after the whole demo."""

import base64
import contextlib
import hashlib
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from adapters.registry import VENDORS
from publishing.configuration import settings_of, vendor_keys
from service.api.openapi.operations import OPERATIONS
from service.demo.installation import Installation, running
from service.demo.story import Story
from service.sandbox.psa.connectwise import CW_KEYS
from service.supervision.processes import Processes


def marked(name: str) -> str:
    """A secret that is found again, whatever surrounds it."""
    return f"{name}-{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def signing(name: str) -> str:
    return "whsec_" + base64.b64encode(marked(name).encode()).decode()


# Every kind of secret that a configuration may hold, by the variable that sets it.
SECRETS: Mapping[str, str] = {
    "UNGLUE_ITGLUE__API_KEY": marked("ITG.key"),
    "UNGLUE_SECRET_KEYS": json.dumps([marked("first-key"), marked("second-key")]),
    "UNGLUE_POLICY__EXPORT_ZIP_PASSWORD": marked("zip"),
    "UNGLUE_NOTIFICATIONS__OPS__URL": f"http://127.0.0.1:9/{marked('notices')}",
    "UNGLUE_NOTIFICATIONS__OPS__SECRETS": json.dumps([signing("notice-signing")]),
    "UNGLUE_HEARTBEAT__URL": f"http://127.0.0.1:9/{marked('heartbeat')}",
    "UNGLUE_OIDC__CLIENT_SECRET": marked("oidc"),
    "UNGLUE_SOURCES__HALO__SECRETS": json.dumps([marked("halo")]),
    "UNGLUE_SOURCES__NINJA__SECRETS": json.dumps([f"Bearer {marked('ninja')}"]),
    "UNGLUE_SOURCES__NINJA__HMAC_SECRETS": json.dumps([marked("ninja-hmac")]),
    "UNGLUE_SOURCES__AT__SECRETS": json.dumps([marked("autotask")]),
    "UNGLUE_SOURCES__AT__API__SECRET": marked("autotask-api"),
    "UNGLUE_SOURCES__AT__API__INTEGRATION_CODE": marked("autotask-code"),
    "UNGLUE_SOURCES__HALO__API__CLIENT_SECRET": marked("halo-api"),
}
AROUND: Mapping[str, str] = {
    "UNGLUE_POLICY__EXPORT": "true",
    "UNGLUE_NOTIFICATIONS__OPS__FORMAT": "json",
    "UNGLUE_NOTIFICATIONS__OPS__ALLOW_PRIVATE_NETWORKS": "true",
    "UNGLUE_HEARTBEAT__ALLOW_PRIVATE_NETWORKS": "true",
    "UNGLUE_OIDC__ISSUER": "http://127.0.0.1:9",
    "UNGLUE_OIDC__CLIENT_ID": "unglue",
    "UNGLUE_OPERATORS__CAROL__SIGN_ON": "carol@example.com",
    "UNGLUE_SOURCES__HALO__VENDOR": "halopsa",
    "UNGLUE_SOURCES__HALO__AUTH": "bearer",
    "UNGLUE_SOURCES__NINJA__VENDOR": "ninjaone",
    "UNGLUE_SOURCES__NINJA__HMAC_HEADER": "x-signature",
    "UNGLUE_SOURCES__AT__VENDOR": "autotask",
    "UNGLUE_SOURCES__AT__ASK_SOURCE": "false",
    "UNGLUE_SOURCES__AT__API__USERNAME": "unglue@example.com",
    "UNGLUE_SOURCES__HALO__ASK_SOURCE": "false",
    "UNGLUE_SOURCES__HALO__API__CLIENT_ID": "CLIENT",
    "UNGLUE_SOURCES__HALO__API__BASE_URL": "http://127.0.0.1:9",
    "UNGLUE_SOURCES__AT__WEBHOOK_GUID": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
}
PASSWORD = marked("password")


class WithPasswords(Processes):
    """IT Glue sends the values of passwords along."""

    async def start(
        self, name: str, module: str, arguments: Sequence[str] = (), **environment: str
    ) -> int:
        if name == "sandbox":
            module = "tests.support.sandbox_with_passwords"
        return await super().start(name, module, arguments, **environment)


def needles(installation: Installation) -> dict[str, bytes]:
    """What must not be found, each by what it is."""
    plain = {
        "a password's value": PASSWORD,
        "an operator's token": installation.token,
        "a signing key of ConnectWise": installation.signing_key,
        "a key of ConnectWise's API": CW_KEYS["private_key"],
        "a callback's secret": installation.callback_secret.removeprefix("whsec_"),
        "a source's secret": installation.source_secret.removeprefix("whsec_"),
    }
    for variable, value in SECRETS.items():
        for number, secret in enumerate(_strings(value)):
            plain[f"{variable} {number}"] = secret.removeprefix("whsec_").rpartition("/")[2]
    return {name: value.encode() for name, value in plain.items()}


def _strings(value: str) -> list[str]:
    return list(json.loads(value)) if value.startswith("[") else [value]


async def in_redis(url: str) -> AsyncIterator[tuple[str, bytes]]:
    """Every key, and everything in it: the ledger's, and RQ's."""
    redis = Redis.from_url(url)
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        match kind.decode() if isinstance(kind, bytes) else kind:
            case "string":
                content: Any = await redis.get(key)
            case "hash":
                content = await redis.hgetall(key)
            case "list":
                content = await redis.lrange(key, 0, -1)
            case "set":
                content = await redis.smembers(key)
            case "zset":
                content = await redis.zrange(key, 0, -1, withscores=True)
            case "stream":
                content = await redis.xrange(key)
            case other:
                raise AssertionError(other)
        yield f"Redis {key.decode()}", repr(content).encode()
    await redis.aclose()


def on_disk(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The logs of every part but the stand-ins', and Redis' own files."""
    for path in folder.rglob("*"):
        ours = path.suffix == ".log" and path.stem in {"service", "worker", "scheduler"}
        if path.is_file() and (ours or "appendonly" in path.name):
            content = path.read_bytes()
            yield str(path.relative_to(folder)), content
            # RQ compresses the data of its jobs, which are gone from Redis when they end.
            for begin in re.finditer(rb"x\x9c", content):
                with contextlib.suppress(zlib.error):
                    yield "a job", zlib.decompressobj().decompress(content[begin.start() :], 10_000)


async def on_pages(at: Installation, deletion: str) -> AsyncIterator[tuple[str, bytes]]:
    """Every route that only shows, every page of the console, and errors."""
    paths = [
        each.path.replace("{deletion_id}", deletion).replace("{source}", "cw")
        for each in OPERATIONS
        if each.method == "GET"
    ]
    pages = (
        "/",
        "/deletions",
        "/deliveries",
        "/results",
        "/sources",
        "/audit",
        "/month",
        "/nothing",
    )
    wrong = {"Authorization": f"Bearer x{at.token}"}
    async with httpx.AsyncClient(base_url=at.service, trust_env=False, timeout=40) as http:
        for path in paths:
            right = {"Authorization": f"Bearer {at.token}"}
            yield f"GET {path}", (await http.get(path, headers=right)).content
            refused = (await http.get(path, headers=wrong)).content
            yield f"GET {path} with a wrong token", refused
        body = {"org_id": "1", "token": at.token}
        yield "a wrong field", (await http.post("/v1/deletions", json=body, headers=right)).content
        log_in = await http.post("/log-in", data={"name": "demo", "token": at.token})
        assert log_in.status_code == 303
        for path in (*pages, f"/deletions/{deletion}"):
            yield f"page {path}", (await http.get(path)).content
        for name in ("halo", "ninja", "at"):
            answer = await http.post(
                f"/webhooks/{name}", content=b"{", headers={"x-signature": "0"}
            )
            assert answer.status_code == 401, name
            yield f"webhook {name}", answer.content


# What the demo's own configuration sets, or what is no secret of Unglue's: a hash, an address.
ELSEWHERE = {"callback.secrets", "operators.NAME.token_sha256", "redis_url", "dashboard_redis_url"}
ELSEWHERE |= {"sources.NAME.api.private_key"}


def test_every_kind_of_secret_is_looked_for() -> None:
    every = {key.name for key in settings_of() if key.secret}
    every |= {key.name for vendor in VENDORS for key in vendor_keys(vendor) if key.secret}
    free = re.compile(r"(NOTIFICATIONS|SOURCES)__[A-Z]+")
    looked_for = {
        free.sub(r"\1__NAME", name.removeprefix("UNGLUE_")).replace("__", ".").lower()
        for name in SECRETS
    }
    assert {name.lower() for name in every - ELSEWHERE} == looked_for


async def test_no_secret_is_found_anywhere(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("i")
    exports = folder / "exports"
    for name, value in {**SECRETS, **AROUND}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UNGLUE_POLICY__EXPORT_DIR", str(exports))
    monkeypatch.setenv("PASSWORD_VALUE", PASSWORD)
    options = ("--removal-seconds", "0.2", "--export-seconds", "0.2")
    key = ("--api-key", SECRETS["UNGLUE_ITGLUE__API_KEY"])
    async with (
        running(folder, sandbox=(*options, *key), kind=WithPasswords, asks=True) as at,
        httpx.AsyncClient(trust_env=False, timeout=40) as http,
    ):
        await Story(at, http).tell()
        ours = {"Authorization": f"Bearer {at.token}"}
        listed = (await http.get(f"{at.service}/v1/deletions", headers=ours)).json()["deletions"]
        # The first one, which came by a webhook.
        (*_, deleted) = [each for each in listed if each["state"] == "deleted"]
        found = [each async for each in in_redis(at.redis_url)]
        found += [each async for each in on_pages(at, deleted["id"])]
        found += list(on_disk(folder))
        forbidden = needles(at)
        read = await http.get(
            f"{at.sandbox}/passwords?filter[organization_id]=302",
            headers={"x-api-key": SECRETS["UNGLUE_ITGLUE__API_KEY"]},
        )
    assert [
        (place, what)
        for place, content in found
        for what, secret in forbidden.items()
        if secret in content
    ] == []
    # What is looked through is the right thing: what may be there is found.
    places = " ".join(place for place, content in found if deleted["id"].encode() in content)
    for one in ("Redis unglue:", "a job", "service.log", "worker.log", "GET /v1", "page /"):
        assert one in places, (one, places)
    # The values were there to be found: the dry run of 302 read them. Exports are their owner's.
    assert PASSWORD in read.text
    archives = [path for path in exports.rglob("*") if path.is_file()]
    assert archives
    assert {path.stat().st_mode & 0o077 for path in archives} == {0}
