"""`rediss://` with a private authority: all parts, RQ's connections, the dashboard, commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis.exceptions import RedisError

from tests.support.plant.crowd import Crowd
from tests.support.plant.plant import TOKEN, plant
from tests.support.tls import AUTHORITY, encrypted_server
from workers.ledger.installation.condition import condition_of
from workers.network.redis_url import connect, with_authority


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with encrypted_server() as made:
        yield made


def test_everything_goes_by_it(url: str, tmp_path: Path) -> None:
    with plant(Crowd(size=5), redis_url=url, variables={"UNGLUE_REDIS_CA": str(AUTHORITY)}) as it:
        it.start_all()
        assert it.ended(it.send()).state == "deleted"
        shown = httpx.get(f"{it.service}/rq/0/data/queues.json", auth=("alice", TOKEN))
        assert shown.status_code == 200, shown.text
        assert it.http.get(f"{it.service}/readyz").json()["status"] == "ready"
        said = subprocess.run(
            [sys.executable, "-m", "service", "doctor"],
            env={**os.environ, **it.environment}, cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert "evicts nothing" in said.stdout, said.stdout + said.stderr
        it.quiet()


async def test_who_does_not_know_the_authority_is_told_that_it_is_the_certificate(url: str) -> None:
    stranger, friend = connect(url), connect(with_authority(url, AUTHORITY.read_text()))
    with pytest.raises(RedisError) as refused:
        await stranger.ping()
    assert condition_of(refused.value) == "certificate"
    assert await friend.ping()
    await stranger.aclose()
    await friend.aclose()
