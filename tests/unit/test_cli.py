"""The command line: what it says and with which status it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from adapters.errors import ConfigurationError
from service.cli import COMMANDS, cli
from service.supervision import embedded
from service.supervision.readiness import redis_answers
from tests.support.command import Command, Shown
from tests.support.part import Part, part
from tests.support.serve import serve
from tests.support.service import Service, configured, running_service, token
from workers.ledger.deleting.deletions import Change
from workers.ledger.ledger import Ledger
from workers.pipeline.states import DELETED, FAILED

PROCESSES = ("worker", "scheduler", "outbox", "up")


# They run until they are stopped, ask, or print what only a shell reads.
WITHOUT_JSON = {*PROCESSES, "serve", "sandbox", "demo", "init", "completion", "alive"}

Run = Callable[..., Shown]


def ended(command: Part) -> tuple[int, str]:
    """Its exit status, and all that it printed."""
    status = command.ended()
    assert "Traceback" not in command.everything
    return status, command.everything


def told(command: Part, words: str) -> str:
    """Its first line of progress with these words, once it is there."""
    deadline = time.monotonic() + 60
    while not (found := [each for each in command.everything.splitlines() if words in each]):
        assert time.monotonic() < deadline, command.everything
        time.sleep(0.02)
    return found[0]


@pytest.fixture
def unglue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, which is quicker, and knows no other settings."""
    for name in tuple(os.environ):
        if name.startswith("UNGLUE_"):
            monkeypatch.delenv(name)
    command = Command(monkeypatch, capsys)

    def run(*arguments: str, **environment: str) -> Shown:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return command(*arguments)

    return run


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_says_what_each_commands_own_help_begins_with(name: str) -> None:
    module, said = COMMANDS[name]
    command = getattr(import_module(f"service.commands.{module}"), name)
    assert said == command.get_short_help_str(1000)


@pytest.mark.parametrize(
    ("arguments", "seldom"),
    [
        (["--help"], {"rich", "httpx", "pydantic", "redis"}),
        (["serve", "--help"], {"rich", "opentelemetry.sdk.metrics", "jinja2", "prometheus_client",
                               "service.console", "service.api.openapi", "workers.itglue.client",
                               "workers.psa.companies", "adapters.halopsa"}),
    ],
    ids=["list", "serve"],
)  # fmt: skip
def test_nothing_is_loaded_that_need_not_be(arguments: list[str], seldom: set[str]) -> None:
    loaded = f"import sys, service.cli as cli; cli.cli.main({arguments}, standalone_mode=False)"
    told = f"{loaded}; sys.exit(' '.join(set(sys.modules) & {seldom}))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr.strip()) == (1, "")


def test_help_lists_every_command(unglue: Run) -> None:
    status, out, err = unglue("--help")
    assert (status, err) == (0, "")
    for command in COMMANDS:
        assert f"\n  {command} " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "nonsense"),
        (("delete",), "give --org-id or --org-name"),
        (("delete", "--org-id"), "--org-id"),
        (("delete", "--org-id", "1", "--yes"), "--yes"),
        (("delete", "--org-id", "1", "--timeout", "-1"), "--timeout"),
        (("delete", "--org-id", "1", "extra"), "extra"),
        (("serve", "--port", "70000"), "--port"),
        (("sandbox", "--fault", "nonsense"), "nonsense"),
    ],
)
def test_wrong_usage(unglue: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = unglue(*arguments, UNGLUE_TOKEN="t")
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "UNGLUE_TOKEN"),
        ({"UNGLUE_TOKEN": " "}, "UNGLUE_TOKEN"),
        ({"UNGLUE_TOKEN": "tökén-secret"}, "UNGLUE_TOKEN"),
        ({"UNGLUE_TOKEN": "two\nlines-secret"}, "UNGLUE_TOKEN"),
        ({"UNGLUE_TOKEN": "t", "UNGLUE_URL": "http://[::1"}, "UNGLUE_URL"),
    ],
)
def test_wrong_environment(unglue: Run, environment: dict[str, str], said: str) -> None:
    status, out, err = unglue("delete", "--org-id", "1", **environment)
    assert (status, out) == (2, "")
    assert said in err
    assert "secret" not in err


PREVIEW = ("delete", "--org-id", "1", "--dry-run")


def test_a_bare_id_deletes_nothing(unglue: Run) -> None:
    status, out, err = unglue("delete", "--org-id", "1", "--confirm-delete", UNGLUE_TOKEN="t")
    assert (status, out) == (2, "")
    assert '--yes-name "NAME"' in err


def test_two_names_that_differ(unglue: Run) -> None:
    names = ("--org-name", "A", "--yes-name", "B")
    status, _, err = unglue("delete", "--org-id", "1", *names, UNGLUE_TOKEN="t")
    assert status == 2
    assert "differ" in err


def test_no_service(unglue: Run) -> None:
    status, out, err = unglue(*PREVIEW, UNGLUE_TOKEN="t", UNGLUE_URL="http://127.0.0.1:1")
    assert (status, out) == (1, "")
    assert "http://127.0.0.1:1" in err
    assert "is it running, and is UNGLUE_URL right?" in err


async def _text(_request: object) -> PlainTextResponse:
    return PlainTextResponse("welcome")


async def _foreign_errors(_request: object) -> JSONResponse:
    return JSONResponse({"errors": ["nobody"]}, 400)


@pytest.mark.parametrize("answer", [_text, _foreign_errors])
def test_another_service(unglue: Run, answer: object) -> None:
    app = Starlette(routes=[Route("/v1/deletions", answer, methods=["POST"])])  # type: ignore[arg-type] # one of the two above
    with serve(app) as url:
        status, out, err = unglue(*PREVIEW, UNGLUE_TOKEN="t", UNGLUE_URL=url)
    assert (status, out) == (1, "")
    assert err.startswith(f"unglue: {url}/v1/deletions ")
    assert "is UNGLUE_URL right?" in err


@pytest.fixture
def service(valkey_url: str) -> Iterator[Service]:
    with running_service(configured(valkey_url)) as running:
        yield running


def as_alice(service: Service) -> dict[str, str]:
    return {"UNGLUE_TOKEN": token("alice"), "UNGLUE_URL": service.url}


@pytest.mark.usefixtures("redis")
async def test_a_token_that_is_nobodys(unglue: Run, service: Service) -> None:
    known = {"UNGLUE_TOKEN": token("mallory"), "UNGLUE_URL": service.url}
    status, out, err = unglue(*PREVIEW, **known)
    assert (status, out) == (1, "")
    assert "Unauthorized" in err


@pytest.mark.parametrize("value", ["", "301x"])
async def test_what_is_not_understood_is_usage(
    unglue: Run, service: Service, redis: Redis, value: str
) -> None:
    asked = ("delete", "--org-id", value, "--yes-name", "A")
    status, out, err = unglue(*asked, **as_alice(service))
    assert (status, out) == (2, "")
    assert "InvalidIdentifier: org_id" in err
    assert await redis.exists("unglue:deletions") == 0


FLAGS = ("--confirm-delete", "--dry-run", "--force-delete")


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("flags", [FLAGS, ()])
async def test_flags_are_fields(
    unglue: Run, service: Service, ledger: Ledger, flags: tuple[str, ...]
) -> None:
    texts = ("delete", "--org-id", "301", "--org-name", "A & B", "--reason", "over")
    url = ("--callback-url", "https://x.example/h", "--timeout", "0")
    status, out, err = unglue(*texts, *url, *flags, **as_alice(service))
    assert (status, out) == (1, "")
    deletion_id = err.split(":")[0]
    assert f"{deletion_id} is queued" in err
    given = bool(flags)
    assert (await ledger.deletions.get(deletion_id)).request.plain() == {
        "org_id": "301",
        "org_name": "A & B",
        "confirm_delete": given,
        "dry_run": given,
        "force_delete": given,
        "reason": "over",
        "callback_url": "https://x.example/h",
    }


async def become(ledger: Ledger, deletion_id: str, state: str, **fields: str) -> None:
    now = datetime.now(UTC)
    held = await ledger.deletions.lease(deletion_id, now)
    assert held is not None
    await ledger.deletions.record(held, Change(state=state, fields=fields), now)


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("state", "status"), [(DELETED, 0), (FAILED, 1)])
async def test_the_results_status(
    service: Service, ledger: Ledger, tmp_path: Path, state: str, status: int
) -> None:
    """The command waits while the deletion ends under it."""
    asked = ("--org-id", "301", "--yes-name", "A", "--confirm-delete")
    with part("delete", tmp_path, *asked, **as_alice(service)) as command:
        deletion_id = told(command, ":").split(":")[0]
        await become(ledger, deletion_id, state)
        seen, said = ended(command)
    assert seen == status, said
    result = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert (result["success"], result["details"]["state"]) == (status == 0, state)


WRONG = {
    "an unknown key": ({"UNGLUE_POLICY__MOED": "preview"}, "policy.moed"),
    "a misspelt variable": ({"UNGLUE_POLICY_MODE": "preview"}, "UNGLUE_POLICY__MODE"),
    "no API key": ({"UNGLUE_ITGLUE__API_KEY": ""}, "itglue.api_key"),
    "an unkept safeguard": ({"UNGLUE_POLICY__APPROVAL": "always"}, "nobody can approve"),
    "no Redis URL": ({"UNGLUE_REDIS_URL": "localhost:6379"}, "redis_url"),
    "no file": ({"UNGLUE_CONFIG": "/nowhere/unglue.toml"}, "/nowhere/unglue.toml"),
}


@pytest.mark.parametrize("command", ["serve", *PROCESSES])
def test_a_wrong_configuration_starts_nothing(tmp_path: Path, command: str) -> None:
    environment, wrong = WRONG["an unkept safeguard"]
    data = ["--data-dir", str(tmp_path / "data")] if command == "up" else []
    complete = {"UNGLUE_ITGLUE__API_KEY": "ITG.secret", **environment}
    with part(command, tmp_path, *data, **complete) as refused:
        status, said = ended(refused)
    assert (status, wrong in said) == (2, True), said
    assert "ITG.secret" not in said
    assert "serving" not in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("environment", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_configuration_is_told(unglue: Run, environment: dict[str, str], said: str) -> None:
    status, out, err = unglue(
        "config", "check", **{"UNGLUE_ITGLUE__API_KEY": "ITG.s", **environment}
    )
    assert (status, out, said in err, "ITG.s" in err) == (2, "", True, False)


async def test_the_embedded_servers_end_is_not_overlooked(tmp_path: Path) -> None:
    """`unglue up` restarts what ends, and a server that was killed must not seem to run."""
    module = "service.supervision.embedded"
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        url = embedded.url(Path(folder))
        command = Part(tmp_path / "valkey.log", module, "--data-dir", folder)
        await redis_answers(url)
        redis = Redis.from_url(url)
        server = int((await redis.info("server"))["process_id"])
        await redis.aclose()
        os.kill(server, signal.SIGKILL)
        status, said = ended(command)
    assert (status, "the server does not run" in said) == (1, True), said


def test_up_does_not_wait_for_a_server_that_does_not_start(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        (Path(folder) / "appendonlydir").write_text("in the way")
        with part("up", tmp_path, "--data-dir", folder) as command:
            status, said = ended(command)
    assert (status, "ended unexpectedly: valkey (exit 1)" in said) == (1, True), said


def every_command() -> Iterator[tuple[str, click.Command]]:
    known = [
        (name, getattr(import_module(f"service.commands.{module}"), name))
        for name, (module, _) in COMMANDS.items()
    ]
    for name, command in known:
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield name, command
        if isinstance(command, click.Group):
            known += [(f"{name} {one}", each) for one, each in command.commands.items()]


@pytest.mark.parametrize(("name", "command"), tuple(every_command()))
def test_every_option_says_what_it_is_for(name: str, command: click.Command) -> None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    named = {option for each in options for option in each.opts}
    assert ("--json" in named) is (name not in WITHOUT_JSON)
    assert (command.help or "").split("\n\n")[0].rstrip().endswith(".")


@pytest.mark.parametrize("arguments", [("config", "show"), ("--help",)])
def test_a_screen_that_is_full_or_closed_is_no_fault_of_ours(arguments: tuple[str, ...]) -> None:
    key = {"UNGLUE_ITGLUE__API_KEY": "k", "UNGLUE_ITGLUE__REGION": "eu"}
    for into, status in ((">/dev/full", 1), (">&-", 0)):
        command = f"{sys.executable} -m service {' '.join(arguments)} {into}"
        ran = subprocess.run(  # noqa: S602 - our own command
            command, shell=True, check=False, capture_output=True, text=True,
            env={**os.environ, **key},
        )  # fmt: skip
        assert (ran.returncode, "Traceback" in ran.stderr) == (status, False), ran.stderr
        assert ("No space left on device" in ran.stderr) is (status == 1)


def test_without_a_file_the_way_is_said(
    unglue: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("doctor", "up"):
        status, _, err = unglue(command)
        assert (status, "unglue init makes one" in err) == (2, True), err


def test_an_error_of_the_service_keeps_its_code(unglue: Run) -> None:
    async def refuse(_request: object) -> JSONResponse:
        return JSONResponse(
            {"errors": [{"code": "NotFound", "message": "none", "timestamp": ""}]}, 404
        )

    app = Starlette(routes=[Route("/v1/deletions/{id}", refuse)])
    with serve(app) as url:
        service = {"UNGLUE_URL": url, "UNGLUE_TOKEN": "x"}
        status, _, err = unglue("deletions", "del_1", "--json", **service)
        (said,) = json.loads(err)["errors"]
        assert (status, said["code"], said["message"]) == (1, "NotFound", "none")
        assert unglue("deletions", "del_1", **service)[2] == "unglue: NotFound: none\n"
    for url in ("ftp://x", "127.0.0.1:8000", "nonsense"):
        status, _, err = unglue("status", UNGLUE_URL=url, UNGLUE_TOKEN="x")
        assert (status, "must begin with https://" in err) == (2, True)


def test_a_wrong_path_is_named(unglue: Run, service: Service) -> None:
    url = f"{service.url}/wrong"
    status, _, err = unglue("status", UNGLUE_URL=url, UNGLUE_TOKEN=token("alice"))
    assert status == 1
    assert f"there is nothing at {url}/v1/status; is UNGLUE_URL right?" in err


def test_two_services_on_one_port(tmp_path: Path) -> None:
    with (
        serve(Starlette()) as url,
        part("sandbox", tmp_path, "--port", url.rpartition(":")[2]) as second,
    ):
        status, said = ended(second)
    assert (status, "choose another --port" in said) == (1, True), said


def test_no_answer_to_a_question_is_an_interruption(tmp_path: Path) -> None:
    made = tmp_path / "made.toml"
    with part("init", tmp_path, "--rehearsal", "--output", str(made)) as asking:
        status, said = ended(asking)
    assert (status, "interrupted before it was done" in said) == (130, True), said
    assert "Aborted" not in said
    assert not made.exists()


@pytest.mark.parametrize("command", ["demo", "up"])
def test_no_embedded_server(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNGLUE_ITGLUE__API_KEY", "k")
    monkeypatch.setattr(embedded, "find_spec", lambda _name: None)
    ran = CliRunner().invoke(cli, [command])
    assert isinstance(ran.exception, ConfigurationError)
    assert "unglue[embedded]" in ran.exception.message
    assert not list(tmp_path.iterdir())
