"""A whole installation on free loopback ports: what `unglue demo` runs and shows."""

import asyncio
import hashlib
import secrets
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.sandbox.psa.connectwise import CW_KEYS
from service.supervision import embedded
from service.supervision.processes import Processes
from service.supervision.readiness import StartFailed, redis_answers
from workers.settings.policy import LIMITED_KINDS, UNLIMITED

COMPANY = "Cobalt"
HOST = "na.myconnectwise.net"
_START_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is, and the secrets to talk to it."""

    service: str
    sandbox: str
    receiver: str
    key_origin: str
    redis_url: str
    signing_key: str
    callback_secret: str
    source_secret: str
    token: str
    config: Path
    log_dir: Path
    processes: Processes
    psa: str = ""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def _webhook_secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


# The demonstration is over in seconds, and the sandbox's clients have contacts and locations.
AT_ONCE = 'grace_period = "0s"'
MAY_GO = ", ".join(
    f'{kind} = "{UNLIMITED}"'
    for kind in LIMITED_KINDS
    if kind not in {"assets", "configs", "documents"}
)


def _configuration(installation: Installation, settings: str) -> str:
    digest = hashlib.sha256(installation.token.encode()).hexdigest()
    return f"""\
redis_url = "{installation.redis_url}"
public_url = "{installation.service}"
secret_keys = ["{secrets.token_urlsafe(32)}"]

[itglue]
base_url = "{installation.sandbox}"
api_key = "ITG.sandbox"

[callback]
url = "{installation.receiver}/hook"
secrets = ["{installation.callback_secret}"]
allow_private_networks = true

[policy]
export = false
dependency_limits = {{ {MAY_GO} }}
{"" if "grace_period" in settings else AT_ONCE}
{settings}

[operators.demo]
token_sha256 = "{digest}"
roles = ["request", "approve", "admin"]

[sources.scripts]
vendor = "standard"
secrets = ["{installation.source_secret}"]

[sources.cw]
vendor = "connectwise"
host = "{HOST}"
company = "{COMPANY}"
key_origin = "{installation.key_origin}"
inactive_statuses = ["Inactive"]
confirm_delete = true
{installation.psa}"""


def _asked(url: str) -> str:
    """The table with which ConnectWise is asked, too."""
    keys = "".join(f'{name} = "{value}"\n' for name, value in CW_KEYS.items())
    return f'[sources.cw.api]\nbase_url = "{url}"\n{keys}'


@asynccontextmanager
async def running(
    data_dir: Path,
    *,
    policy: str = "",
    sandbox: Sequence[str] = ("--removal-seconds", "1.5"),
    asks: bool = False,
    kind: type[Processes] = Processes,
) -> AsyncIterator[Installation]:
    """Start everything, and end everything.

    `policy` is appended to that table of the configuration, `sandbox` are that command's options,
    `kind` is what starts a part. With `asks` there is a ConnectWise that is asked, and not only its
    key server.
    """
    log_dir = data_dir / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    ports = free_ports(4)
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    config = data_dir / "unglue.toml"
    environment = {"UNGLUE_CONFIG": str(config), "UNGLUE_WORKER__SCHEDULER_INTERVAL": "0.2s"}
    async with kind(environment, log_dir=log_dir) as processes:
        installation = Installation(
            service=urls[0],
            sandbox=urls[1],
            receiver=urls[2],
            key_origin=urls[3],
            redis_url=embedded.url(data_dir),
            signing_key=secrets.token_urlsafe(24),
            callback_secret=_webhook_secret(),
            source_secret=_webhook_secret(),
            token=secrets.token_urlsafe(24),
            config=config,
            log_dir=log_dir,
            processes=processes,
            psa=_asked(urls[3]) if asks else "",
        )
        config.touch(mode=0o600)
        config.write_text(_configuration(installation, policy), encoding="utf-8")
        await _start(installation, data_dir, ports, sandbox)
        yield installation


async def _start(
    installation: Installation, data_dir: Path, ports: list[int], options: Sequence[str]
) -> None:
    start = installation.processes.start
    service, sandbox, receiver, keys = map(str, ports)
    await start("valkey", "service.supervision.embedded", ["--data-dir", str(data_dir)])
    await start("sandbox", "service", ["sandbox", "--port", sandbox, *options])
    await start("receiver", "service.demo.stand_ins", ["receiver", "--port", receiver])
    key = ["--port", keys, "--signing-key", installation.signing_key]
    if installation.psa:
        await start("connectwise", "service", ["sandbox", "--vendor", "connectwise", *key])
    else:
        await start("key-server", "service.demo.stand_ins", ["key-server", *key])
    await redis_answers(installation.redis_url, _START_SECONDS)
    await start("service", "service", ["serve", "--port", service])
    await start("scheduler", "service", ["scheduler"])
    await start("worker", "service", ["worker"])
    await asyncio.gather(
        _answers(installation, installation.service + "/readyz", 200),
        _answers(installation, installation.sandbox + "/organizations", 401),
        _answers(installation, installation.receiver, 404),
        _answers(installation, installation.key_origin, 404),
    )


async def _answers(installation: Installation, url: str, status: int) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while True:
                    installation.processes.require_running()
                    try:
                        answer = await http.get(url)
                    except httpx.TransportError:
                        answer = None
                    if answer is not None and answer.status_code == status:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise StartFailed(f"{url} does not answer; see {installation.log_dir}") from None
