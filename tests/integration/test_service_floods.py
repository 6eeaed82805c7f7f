"""Floods of what is not genuine: cheap for us, cheap for the vendor, nothing for genuine events."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from service.demo.installation import free_ports
from tests.support.part import part
from tests.support.service import Service, only_error, service_with_keys


@pytest.fixture
def service(valkey_url: str, redis: Redis) -> Iterator[Service]:
    del redis
    with service_with_keys(valkey_url) as running:
        yield running


async def test_the_allowance_is_for_what_is_not_genuine(service: Service, redis: Redis) -> None:
    assert service.send(service.callback(1)).json()["verdict"] == "accepted"
    asked = len(service.keys.asked)
    statuses = [service.send(service.callback(), key="another").status_code for _ in range(150)]
    assert statuses[:60] == [401] * 60
    assert statuses.count(429) >= 60
    limited = next(
        answer
        for answer in (service.send(service.callback(), key="another") for _ in range(100))
        if answer.status_code == 429
    )
    only_error(limited, 429, "TooManyAttempts")
    assert int(limited.headers["retry-after"]) >= 1
    # A flood is counted only as far as it is answered.
    counted = await redis.hgetall("unglue:counts:verdicts:cw")
    assert int(counted[b"unauthentic"]) < len(statuses)
    # The vendor was asked again whether its key changed, not for each of them.
    assert len(service.keys.asked) - asked < 60

    # From the same address, right away.
    genuine = service.send(service.callback(2))
    assert (genuine.status_code, genuine.json()["verdict"]) == (202, "accepted")
    assert service.send(service.callback(3)).json()["verdict"] == "accepted"


async def test_made_up_keys_are_not_asked_for_without_end(service: Service, redis: Redis) -> None:
    assert service.send(service.callback(1)).status_code == 202
    made_up = [service.key_url().replace("id=1", f"id=9{number}") for number in range(300)]
    answers = [service.send(service.callback(key_url=each), key="x") for each in made_up]
    assert {each.status_code for each in answers} <= {401, 202, 429}
    limited = [each for each in answers if each.status_code == 429]
    assert len(limited) > 100
    assert all(each.json()["errors"][0]["code"] == "TooManyAttempts" for each in limited)
    assert service.send(service.callback(2)).json()["verdict"] == "accepted"
    # Nobody can fill the quarantine, which holds deletions, from one address.
    assert await redis.hlen("unglue:quarantine:cw") < 100


async def test_another_source_is_not_limited(service: Service) -> None:
    for _ in range(120):
        service.send(service.callback(), key="another")
    assert service.send(service.callback(), source="nobody").status_code == 404


@contextmanager
def served(valkey_url: str, folder: Path, *proxies: str) -> Iterator[str]:
    """`unglue serve` as a process of its own, with one shared-secret source."""
    (port,) = free_ports(1)
    digest = hashlib.sha256(b"t").hexdigest()
    config = folder / "unglue.toml"
    config.write_text(
        f'redis_url = "{valkey_url}"\ntrusted_proxies = {json.dumps(proxies)}\n'
        f'[itglue]\napi_key = "x"\n[operators.a]\ntoken_sha256 = "{digest}"\n'
        '[policy]\napproval = "never"\n'
        '[sources.ninja]\nvendor = "ninjaone"\nsecrets = ["Bearer a long shared secret"]\n'
    )
    with part("serve", folder, "--port", str(port), UNGLUE_CONFIG=str(config)) as running:
        running.wait_for("serving")
        # It says so just before it listens.
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as http:
            assert http.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        yield f"http://127.0.0.1:{port}"


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("proxies", "limited"), [((), True), (("127.0.0.0/8",), False)])
async def test_a_forwarded_address_counts_only_if_a_proxy_is_trusted(
    valkey_url: str, tmp_path: Path, proxies: tuple[str, ...], *, limited: bool
) -> None:
    def forge(http: httpx.Client, number: int) -> int:
        forwarded = {"x-forwarded-for": f"203.0.113.{number}"}
        return http.post("/webhooks/ninja", json={}, headers=forwarded).status_code

    with served(valkey_url, tmp_path, *proxies) as url, httpx.Client(base_url=url) as http:
        statuses = [forge(http, number) for number in range(150)]
    assert set(statuses) == ({401, 429} if limited else {401})
