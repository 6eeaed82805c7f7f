"""`/rq` from the console: the same session, and ways on to the deletions."""

import re

import pytest
from redis import Redis

from tests.support.console import logged_in, stranger
from tests.support.dashboard import echo, enqueue
from tests.support.service import Service, secret_key

SETTINGS = {"secret_keys": [secret_key("k")]}


@pytest.mark.usefixtures("redis")
async def test_who_is_in_the_console_is_in_there_too_until_the_log_out(service: Service) -> None:
    assert stranger(service).get("/rq/").status_code == 401
    dave = logged_in(service, "dave")
    copied = dict(dave.http.cookies)
    assert dave.get("/rq/").status_code == 200
    assert dave.http.post("/rq/0/view").status_code == 405
    dave.post("/log-out")
    assert stranger(service, copied).get("/rq/").status_code == 401


@pytest.mark.usefixtures("redis")
async def test_it_says_what_it_is_and_opens_our_queue(service: Service, valkey_url: str) -> None:
    dave = logged_in(service, "dave")
    with Redis.from_url(valkey_url) as redis:
        enqueue(redis, echo, "one", description="advance_deletion del_1")
    page = dave.get("/rq/").text
    assert "A deletion that failed is no failed job" in re.sub(r"\s+", " ", page)
    assert 'href="/deletions?state=failed"' in page
    (jobs,) = re.findall(r'href="([^"]+)" class="nav-link">Jobs', page)
    assert jobs == "/rq/0/view/jobs/unglue/queued/8/asc/1"
    assert dave.get(jobs).status_code == 200
    assert 'href="/deletions/' in dave.get("/rq/0/view/job/one").text
