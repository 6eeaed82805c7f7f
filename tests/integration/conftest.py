"""What several tests of this folder set up alike. A module's own fixture of a name goes first."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.itglue_loopback import KEY, ScriptedITGlue, scripted
from tests.support.command import Command
from tests.support.console import Browser, logged_in
from tests.support.receiver import Receiver, receiving
from tests.support.sandbox import Caller, calling
from tests.support.service import Service, configured, running_service, service_with_keys, token
from workers.itglue.client import ITGlue
from workers.ledger.ledger import Ledger
from workers.settings import Settings


@pytest.fixture(scope="module")
def running() -> Iterator[ScriptedITGlue]:
    with scripted() as itglue:
        yield itglue


@pytest.fixture
def server(running: ScriptedITGlue) -> ScriptedITGlue:
    running.forget()
    return running


@pytest.fixture
async def itglue(server: ScriptedITGlue) -> AsyncIterator[ITGlue]:
    async with ITGlue.connect(base_url=server.url, api_key=KEY) as client:
        yield client


@pytest.fixture(scope="module")
def calls() -> Iterator[Caller]:
    with calling() as caller:
        yield caller


@pytest.fixture
def caller(calls: Caller) -> Caller:
    """Of a sandbox as it is at the start."""
    calls.control("reset", {})
    return calls


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest, valkey_url: str) -> Settings:
    """Those of the installation that `configured` knows, with the module's `SETTINGS`."""
    return configured(valkey_url, **getattr(request.module, "SETTINGS", {}))


@pytest.fixture(scope="module")
def service(
    request: pytest.FixtureRequest, settings: Settings, valkey_url: str
) -> Iterator[Service]:
    """With its source's key server where the module has `WITH_KEYS`, the settings besides."""
    with_keys = getattr(request.module, "WITH_KEYS", None)
    with (
        running_service(settings)
        if with_keys is None
        else service_with_keys(valkey_url, **with_keys)
    ) as running:
        # Once it answers it has written its start down, which the tests do not look at.
        running.http.get("/healthz")
        yield running


@pytest.fixture
async def alice(service: Service, ledger: Ledger) -> Browser:
    """At the console, with a new ledger behind it."""
    del ledger
    return logged_in(service, "alice")


@pytest.fixture
def unglue(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command, as alice, of the service that the module runs."""
    monkeypatch.setenv("UNGLUE_URL", service.url)
    monkeypatch.setenv("UNGLUE_TOKEN", token("alice"))
    monkeypatch.setenv("COLUMNS", "160")
    return Command(monkeypatch, capsys)
