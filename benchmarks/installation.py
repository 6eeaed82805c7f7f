"""An installation to measure: a Valkey as `unglue up` runs it, and parts of Unglue as processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from redis import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from service.demo.installation import free_ports
from service.demo.stand_ins import KEY_PATH, key_server
from service.sandbox.app import create_sandbox
from tests.support.plant.crowd import Crowd, crowded
from tests.support.serve import serve
from tests.support.service import COMPANY, HOST, KEY
from tests.support.valkey import running_valkey
from workers.itglue.models import KINDS
from workers.times.clock import system_clock

ROOT: Final = Path(__file__).parents[1]
_READY_SECONDS: Final = 60.0


@dataclass
class Installation:
    """Where it is, and its processes by name."""

    folder: Path
    redis_url: str
    key_url: str
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def redis(self) -> "Redis":
        """A connection."""
        return Redis.from_url(self.redis_url)

    def start(self, name: str, *arguments: str, module: str = "service", **more: str) -> int:
        """A process of this name, and its id. Its log lies in the folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", module, *arguments],
                env={**self.environment, **more},
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process.pid

    def serve(self, *arguments: str, name: str = "service", **more: str) -> str:
        """The URL of a service that is ready."""
        (port,) = free_ports(1)
        self.start(name, "serve", "--port", str(port), *arguments, **more)
        url = f"http://127.0.0.1:{port}"
        try:
            answered(f"{url}/healthz", self.processes[name])
        except RuntimeError as error:
            log = (self.folder / f"{name}.log").read_text(encoding="utf-8")
            raise RuntimeError(f"{error}: {log[-500:]}") from None
        return url

    def beside(self, what: str) -> str:
        """The URL of what it is measured beside."""
        (port,) = free_ports(1)
        self.start(what, what, str(port), self.redis_url, module="benchmarks.beside")
        url = f"http://127.0.0.1:{port}"
        answered(f"{url}/nothing", self.processes[what], 404)
        return url

    def stop(self, name: str) -> None:
        """End it, with all that it started."""
        process = self.processes.pop(name)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def said(self, name: str, event: str) -> list[dict[str, Any]]:
        """The log lines of this event."""
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8").splitlines()
        read = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in read if line["event"] == event]


def answered(url: str, process: subprocess.Popen[bytes], *also: int) -> float:
    """Seconds until it answers."""
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < _READY_SECONDS:
        if process.poll() is not None:
            raise RuntimeError(f"{url}: the process ended")
        try:
            if httpx.get(url, timeout=5).status_code in {200, *also}:
                return passed
        except httpx.TransportError:
            pass
        time.sleep(0.005)
    raise RuntimeError(f"{url} did not answer")


def until(look: Callable[[], Any], what: str, seconds: float = 60.0, every: float = 0.1) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(every)


@contextmanager
def installation(*, appendfsync: str = "everysec", **tables: Any) -> Iterator[Installation]:  # noqa: ANN401 - tables of unglue.toml
    """One with a ConnectWise source, `cw`; `tables` of the configuration replace those here."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="unglue-")))
        redis_url = ends.enter_context(running_valkey(folder, appendfsync=appendfsync))
        origin = ends.enter_context(serve(key_server(KEY)))
        source = {
            "vendor": "connectwise", "host": HOST, "company": COMPANY, "key_origin": origin,
            "confirm_delete": True,
        }  # fmt: skip
        settings = {
            "itglue": {"api_key": "ITG.sandbox", "base_url": "http://127.0.0.1:1"},
            "policy": {"export": False, "grace_period": "0s"},
            "sources": {"cw": source},
            **tables,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("UNGLUE_")}
        environment = {
            **clean,
            "UNGLUE_REDIS_URL": redis_url,
            **{
                f"UNGLUE_{name.upper()}": each if isinstance(each, str) else json.dumps(each)
                for name, each in settings.items()
            },
        }
        made = Installation(folder, redis_url, f"{origin}{KEY_PATH}?companyName={COMPANY}&id=1",
                            environment)  # fmt: skip
        try:
            yield made
        finally:
            for name in reversed(list(made.processes)):
                made.stop(name)


class _Elsewhere:
    """IT Glue works on no machine of ours: its thread has the processor after all others here.

    Above all after Valkey, which has this process's session and so its share of the processors.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        await self._app(scope, receive, send)


@contextmanager
def with_itglue(
    latency_ms: float,
    *,
    crowd: Crowd | None = None,
    **tables: Any,  # noqa: ANN401 - as above
) -> Iterator[Installation]:
    """One that may delete without being held up, at an IT Glue that answers after the latency."""
    settings = crowded(crowd or Crowd(size=1)).model_copy(update={"latency_ms": latency_ms})
    policy = {
        "export": False, "grace_period": "0s", "approval": "never",
        "dependency_limits": dict.fromkeys(KINDS, "unlimited"), "max_deletions_per_day": 10_000,
        "max_deletions_per_hour": 10_000,
    }  # fmt: skip
    with serve(_Elsewhere(create_sandbox(settings, now=system_clock))) as url:
        asked = {"api_key": "ITG.sandbox", "base_url": url, "requests_per_5_minutes": 100_000}
        with installation(itglue=asked, policy=policy, **tables) as made:
            yield made
