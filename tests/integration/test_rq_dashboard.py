"""`/rq` over real HTTP: what it shows, to whom, and that it changes nothing."""

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from redis import Redis
from rq_dashboard import web

from service.dashboard.pages import Pages
from service.dashboard.templates import compiled, corrected
from tests.support.dashboard import HOSTILE, TAGS, echo, enqueue, fail, fill, queue, work
from tests.support.service import Service, configured, only_error, running_service, token

PAGES = (
    "/rq/",
    "/rq/0/",
    "/rq/0/view",
    "/rq/0/view/queues",
    "/rq/0/view/workers",
    "/rq/0/view/jobs",
    *(
        f"/rq/0/view/jobs/unglue/{registry}/8/{order}/1"
        for registry in ("queued", "started", "failed", "finished", "scheduled", "deferred")
        for order in ("asc", "dsc")
    ),
    *(f"/rq/0/view/job/{job}" for job in ("waiting", "running", "ended", "failed")),
)
DATA = (
    "/rq/0/data/queues.json",
    "/rq/0/data/workers.json",
    *(
        f"/rq/0/data/jobs/unglue/{registry}/8/{order}/1.json"
        for registry in ("queued", "started", "failed", "finished", "scheduled", "canceled")
        for order in ("asc", "dsc")
    ),
    *(f"/rq/0/data/job/{job}.json" for job in ("waiting", "running", "ended", "failed")),
)
TEMPLATES = Path(web.__file__).parent / "templates"
STATIC = ("/rq/static/js/jquery-3.5.1.min.js", "/rq/unglue/pages.js", "/rq/unglue/pages.css")


@pytest.fixture(scope="module")
def filled(valkey_url: str) -> Iterator[Redis]:
    """A server with one job in every state, each of them hostile."""
    with Redis.from_url(valkey_url) as redis:
        fill(redis)
        yield redis


@pytest.fixture
def rq(filled: Redis) -> Iterator[Redis]:
    """The same, for a test that changes it."""
    yield filled
    fill(filled)


@pytest.fixture(scope="module")
def service(valkey_url: str, filled: Redis) -> Iterator[Service]:
    del filled
    with running_service(configured(valkey_url)) as service:
        yield service


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def look(service: Service, path: str, method: str = "GET", **rest: Any) -> httpx.Response:
    return service.http.request(method, path, headers=basic("dave", token("dave")), **rest)


def dump(redis: Redis) -> dict[object, object]:
    # The content alone: a key's remaining time is not part of it.
    return {key: redis.dump(key) for key in redis.keys("rq:*")}


@pytest.mark.parametrize("path", [*PAGES, *DATA, *STATIC])
def test_an_operator_sees_it(service: Service, path: str) -> None:
    answer = look(service, path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind == ("text/html" if path in PAGES else "application/json" if path in DATA else kind)
    assert look(service, path, "HEAD").status_code == 200


def test_looking_changes_nothing(service: Service, rq: Redis) -> None:
    """Not even what RQ tidies up in passing: the last lines show that there was something to do."""
    rq.delete("rq:job:waiting")  # its id would leave the queue
    rq.sadd("rq:workers", "rq:worker:gone")  # it would be unregistered
    before = dump(rq)
    for path in (*PAGES, *DATA):
        assert look(service, path).status_code == (404 if "waiting" in path else 200)
    assert dump(rq) == before

    queue(rq).started_job_registry.cleanup()
    assert queue(rq).get_job_ids() == ["waiting", "running"]  # as RQ's own reading does


@pytest.mark.parametrize(
    "path",
    [
        "/rq/requeue/unglue",
        "/rq//requeue/unglue",
        "/rq/0/../requeue/unglue",
        "/rq/0/%2e%2e/requeue/unglue",
        "/rq/%2frequeue/unglue",
        "/rq/requeue%2funglue",
        "/rq/job/failed/requeue",
        "/rq/job/failed/delete",
        "/rq/queue/unglue/failed/empty",
        "/rq/queue/unglue/compact",
        "/rq/1/view/queues",
        "/rq/nothing",
    ],
)
def test_what_would_change_something_is_closed(service: Service, rq: Redis, path: str) -> None:
    before = dump(rq)
    # A raw path: httpx would resolve the dots itself.
    url = httpx.URL(service.url).copy_with(raw_path=path.encode())
    only_error(look(service, str(url)), 404, "NotFound")
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = look(service, str(url), method, content=b"{}")
        assert "GET" in answer.headers["allow"]
        only_error(answer, 405, "MethodNotAllowed")
    assert dump(rq) == before
    assert rq.zscore("rq:failed:unglue", "failed") is not None


def test_every_other_route_of_the_package_is_closed(service: Service, valkey_url: str) -> None:
    """A later version with a new address has to be looked at before it is shown."""
    pages = Pages(valkey_url)
    rules = {str(rule) for rule in pages.flask.url_map.iter_rules()}
    pages.close()
    values = {"instance_number": "0", "queue_name": "unglue", "registry_name": "failed"}
    open_rules = set()
    for rule in rules:
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values.get(found[1], "1"), rule)
        answer = look(service, f"/rq{path}")
        if answer.status_code != 404 or "shows no such page" not in answer.text:
            open_rules.add(rule)
    assert rules - open_rules == {
        "/job/<job_id>/delete",
        "/job/<job_id>/requeue",
        "/requeue/<queue_name>",
        "/queue/<queue_name>/<registry_name>/empty",
        "/queue/<queue_name>/compact",
    }
    assert all("view" in rule or "data" in rule for rule in open_rules if "queue_name" in rule)


@pytest.mark.parametrize(
    "path", ["/requeue/unglue", "/queue/unglue/compact", "/queue/unglue/failed/empty"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_changed_unguarded(valkey_url: str, rq: Redis, path: str, method: str) -> None:
    """The connection itself only reads."""
    before = dump(rq)
    pages = Pages(valkey_url)
    pages.flask.test_client().open(path, method=method)
    pages.close()
    assert dump(rq) == before


@pytest.mark.parametrize("path", ["/rq", "/rq/", "/rq/0/view/queues", "/rq/requeue/unglue"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("alice", "guessed"),
        basic("alice", token("dave")),
        basic("nobody", token("alice")),
        basic("", token("alice")),
        basic("alice", ""),
        basic("älice", token("alice")),
        {"authorization": "Basic not base64!"},
        {"authorization": "Basic"},
        {"authorization": f"Bearer {token('alice')}"},
    ],
)
def test_nobody_else_sees_it(service: Service, path: str, headers: dict[str, str]) -> None:
    answer = service.http.get(path, headers=headers)
    only_error(answer, 401, "Unauthorized")
    assert answer.headers["www-authenticate"] == 'Basic realm="Unglue", charset="UTF-8"'
    assert answer.headers["cache-control"] == "no-store"


def test_without_operators_nobody_sees_it(valkey_url: str) -> None:
    with running_service(configured(valkey_url, operators={})) as service:
        only_error(look(service, "/rq/"), 401, "Unauthorized")


def test_the_way_in(service: Service) -> None:
    assert look(service, "/rq").headers["location"] == "/rq/"
    assert "RQ dashboard" in look(service, "/rq", follow_redirects=True).text


def test_without_the_extra(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "service.dashboard.pages")
    monkeypatch.setitem(sys.modules, "rq_dashboard", None)
    with running_service(configured(valkey_url)) as service:
        for path in ("/rq", "/rq/", "/rq/0/view/queues"):
            assert "unglue[dashboard]" in only_error(service.http.get(path), 404, "NotFound")
        assert service.http.get("/healthz").status_code == 200


def test_without_redis() -> None:
    with running_service(configured("redis://:a-password@127.0.0.1:1/0")) as service:
        only_error(look(service, "/rq/0/data/queues.json"), 503, "StorageUnavailable")
        for path in ("/rq/", "/rq/0/view/queues", "/rq/0/view/workers"):
            page = look(service, path)
            assert page.status_code == 503
            assert "Redis is away" in page.text
            assert "unglue doctor" in page.text


def test_the_address_of_redis_is_not_shown(service: Service, valkey_url: str) -> None:
    page = look(service, "/rq/0/view/queues").text
    assert "[0] Redis" in page
    assert valkey_url.partition("://")[2] not in page


def test_a_job_that_ended_is_shown(service: Service) -> None:
    shown = look(service, "/rq/0/data/job/ended.json").json()
    assert (shown["status"], shown["result"], shown["description"]) == (
        "finished",
        HOSTILE,
        HOSTILE,
    )


def test_no_text_of_others_turns_what_stands_around_it(service: Service, rq: Redis) -> None:
    odd = "\u202edel_1\u2066 \x1b[2J\u2028end"
    enqueue(rq, echo, "turned", description=odd)
    rq.hset("rq:job:failed", "description", odd)
    for path in (
        "/rq/0/data/job/turned.json",
        "/rq/0/data/jobs/unglue/queued/8/asc/1.json",
        "/rq/0/data/jobs/unglue/failed/8/asc/1.json",
    ):
        shown = look(service, path).text
        assert "del_1" in shown
        for escape in ("u202e", "u2066", "u001b", "u2028", "\u202e", "\x1b"):
            assert escape not in shown, (path, escape)
    # Its lines are kept: a traceback has some.
    assert "\n" in look(service, "/rq/0/data/job/failed.json").json()["exc_info"]


def test_a_worker_is_shown_with_its_job(service: Service) -> None:
    (worker,) = look(service, "/rq/0/data/workers.json").json()["workers"]
    assert worker["current_job"]["job_id"] == "running"
    assert worker["queues"] == ["unglue"]


def test_no_pickle_is_read(service: Service, rq: Redis) -> None:
    """Whoever may write to Redis must not run code in the service."""
    touches_a_file = b"cbuiltins\nexec\n(Vraise SystemExit('unpickled')\ntR."
    for field in ("meta", "data", "result"):
        rq.hset("rq:job:ended", field, touches_a_file)
    assert look(service, "/rq/0/view/job/ended").status_code == 200
    only_error(look(service, "/rq/0/data/job/ended.json"), 404, "NotFound")
    rq.hset("rq:job:running", mapping={"data": touches_a_file, "meta": touches_a_file})
    assert look(service, "/rq/0/view/workers").status_code == 200
    only_error(look(service, "/rq/0/data/workers.json"), 404, "NotFound")


def test_a_failure_tells_which_deletion_to_open(service: Service, rq: Redis) -> None:
    enqueue(rq, fail, "del_1-7", description="advance_deletion del_1")
    work(rq)
    jobs = look(service, "/rq/0/data/jobs/unglue/failed/8/asc/1.json").json()["jobs"]
    assert "advance_deletion del_1" in [job["description"] for job in jobs]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_only_its_own_scripts(service: Service, path: str) -> None:
    """Every script carries this answer's nonce, and nothing that a job holds is in the page."""
    answer = look(service, path)
    policy = answer.headers["content-security-policy"]
    found = re.search(r"script-src 'nonce-([\w-]{24})';", policy)
    assert found
    assert "unsafe" not in policy
    assert look(service, path).headers["content-security-policy"] != policy
    scripts = re.findall(r"<script\b([^>]*)>", answer.text)
    assert len(scripts) > 5
    for script in scripts:
        assert f'nonce="{found[1]}"' in script or 'type="text/template"' in script
    assert "/owned" not in answer.text
    assert not re.search(r"<[^>]*\son\w+=", answer.text)
    assert not re.search(r"\b(eval|Function)\(", answer.text)


def test_the_packages_templates_escape_all_they_show() -> None:
    templates = [each for each in TEMPLATES.rglob("*") if each.is_file()]
    assert len(templates) > 10
    for template in templates:
        source = corrected(template.read_text(encoding="utf-8"))
        assert "<%=" not in source
        assert ".text(d." not in source
        assert source.count('type="text/template"') == source.count("{% filter compiled %}")
        if template.suffix == ".js":  # jinja2 escapes nothing there
            values = re.findall(r"\{\{(.*?)\}\}", source)
            assert all(value.strip().endswith("|tojson|safe") for value in values), values


def test_a_template_becomes_a_function() -> None:
    script = compiled("<b title='<%- d.a %>'></script><% if (d.b) { %>\n\"<%- d.b %>\"<% } %>")
    assert "</script" not in script
    assert "__out+=_.escape(d.a);" in script
    assert "if (d.b) {\n" in script


@pytest.mark.parametrize(
    "path",
    [
        "/rq/0/view/jobs/{}/failed/8/asc/1",
        "/rq/0/view/jobs/unglue/{}/8/asc/1",
        "/rq/0/view/jobs/unglue/failed/8/{}/1",
        "/rq/0/view/job/{}",
        "/rq/0/data/job/{}.json",
        "/rq/{}",
    ],
)
def test_a_hostile_address_is_harmless(service: Service, path: str) -> None:
    name = TAGS.replace("/", "").replace(" ", "%20")
    only_error(look(service, path.format(name)), 404, "NotFound")


def test_a_hostile_queue_name_does_not_leave_its_string(valkey_url: str) -> None:
    """Without the guard: the package itself puts it into a script as it is."""
    pages = Pages(valkey_url)
    for name in ("');fetch('owned');('", "<script>fetch('owned')<script>", '"><img src=owned>'):
        path = f"/0/view/jobs/{quote(name)}/failed/8/asc/1"
        page = pages.flask.test_client().get(path).text
        assert page.count("$(this).val(") == 3
        assert "fetch('owned')" not in page
        assert "<img" not in page
    pages.close()


def test_a_queue_with_a_hostile_name_is_harmless(service: Service, rq: Redis) -> None:
    rq.sadd("rq:queues", f"rq:queue:{TAGS}")
    for path in ("/rq/0/view/queues", "/rq/0/view/jobs"):
        assert "<script>fetch" not in look(service, path).text


async def test_a_page_that_no_list_has_is_not_found(service: Service) -> None:
    path = "/rq/0/data/jobs/unglue/queued/8/asc/99999999999999999999.json"
    only_error(look(service, path), 404, "NotFound")
