"""One installation, its processes in the test's hand.

Times are short by configuration: unless a test asks for others, a lease lasts 4 s here, and IT Glue
has 2 s to answer.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from adapters.registry import VENDORS
from service.demo.installation import AT_ONCE, MAY_GO, free_ports
from tests.support.failing_valkey import FailingValkey, failing_valkey
from tests.support.plant import parts
from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.forked import Forked, fork
from tests.support.plant.receiver import Receiver, receiving
from tests.support.plant.stops import PIDS
from tests.support.plant.wire import Wire, wired
from workers.ledger.records import Deletion
from workers.ledger.store import PREFIX, record_of
from workers.network.redis_url import connect_blocking
from workers.processes.queue import QUEUE, QUEUE_KEY
from workers.processes.runtime import redis_url as url_of
from workers.settings import Settings, load_settings

RESULTS_SECRET = "whsec_" + "A" * 32
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
TOKEN = "a-token-of-the-tests-of-faults"
LEASE_SECONDS = 4.0
SOURCE = "rw"
_END_SECONDS = 90.0
_LOOK_EVERY = 0.02
_RESTART_SECONDS = 0.1

T = TypeVar("T")


def eventually(
    look: Callable[[], T], what: str, seconds: float = _END_SECONDS, every: float = _LOOK_EVERY
) -> T:
    """The first answer that is true, looked for as long as a busy machine may need."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(every)
    return found


def client_of(company: int, integration: str = "manage") -> str:
    """The name of a client in its source's registers."""
    return f"psa:{integration}:{company}"


@dataclass(frozen=True)
class Times:
    """How long a lease lasts, and how long IT Glue has, in seconds."""

    lease: float = LEASE_SECONDS
    answer: float = 2


@dataclass
class Plant:
    """Send, injure, look. `watched`: workers and service can be stopped around their scripts."""

    folder: Path
    server: FailingValkey
    receiver: Receiver
    wire: Wire
    crowd: Crowd
    policy: str = ""
    more: str = ""
    watched: bool = False
    times: Times = field(default_factory=Times)
    redis_url: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    redis_urls: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, Forked] = field(default_factory=dict)
    _starts: dict[str, Callable[[], Forked]] = field(default_factory=dict)
    _ever: list[Forked] = field(default_factory=list)
    _companies: Iterator[int] = field(default_factory=lambda: count(1))
    _events: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        sandbox, self.port = free_ports(2)
        self.sandbox_port = sandbox
        self.sandbox = f"http://127.0.0.1:{sandbox}"
        self.service = f"http://127.0.0.1:{self.port}"
        self.redis_url = self.redis_url or self.server.socket_url
        self.http = httpx.Client(trust_env=False, timeout=40)
        config = self.folder / "unglue.toml"
        config.write_text(self._configuration(), encoding="utf-8")
        self.environment = {"UNGLUE_CONFIG": str(config), **self.variables}
        self.redis = connect_blocking(url_of(self.settings), Redis)

    def _configuration(self) -> str:
        return f"""\
redis_url = "{self.redis_url}"

[itglue]
base_url = "{self.sandbox}"
api_key = "ITG.sandbox"
timeout_seconds = {self.times.answer:g}
requests_per_5_minutes = 10000000

[callback]
url = "{self.receiver.url}"
secrets = ["{RESULTS_SECRET}"]
allow_private_networks = true

[worker]
lease = "{self.times.lease:g}s"
requeue_after = "0.5s"
scheduler_interval = "0.1s"

[operators.alice]
token_sha256 = "{sha256(TOKEN.encode()).hexdigest()}"
roles = ["request", "approve", "admin"]

[sources.{SOURCE}]
vendor = "standard"
secrets = ["{SECRET}"]
trust_flags = true
confirm_delete = true
{self.more}
[policy]
max_deletions_per_day = 1000000
resend_after = "{self.times.lease + self.times.answer:g}s"
{self.policy.format(folder=self.folder) or "export = false"}
dependency_limits = {{ {MAY_GO} }}
{"" if "grace_period" in self.policy else AT_ONCE}
"""

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.environment)

    # -- processes -------------------------------------------------------------------------------

    def start(self, name: str, run: Callable[[], None], through: Wire | None = None) -> Forked:
        """A part of this name that does `run`, and is started anew in the same way."""
        environment = dict(self.environment)
        own = self.redis_urls.get(name, self.redis_url)
        environment["UNGLUE_REDIS_URL"] = through.url if through else own
        log = self.folder / f"{name}.log"

        def start() -> Forked:
            part = self.running[name] = fork(name, run, environment, log)
            self._ever.append(part)
            # Parts also start while the Valkey is away.
            with suppress(RedisError):
                self.redis.hset(PIDS, name, str(part.pid))
            return part

        self._starts[name] = start
        return start()

    def start_sandbox(self) -> Forked:
        part = self.start("sandbox", partial(parts.sandbox, self.sandbox_port, self.crowd))
        self.answers(f"{self.sandbox}/_sandbox/world")
        return part

    def start_service(self, through: Wire | None = None) -> Forked:
        """Start the service, and wait until it answers."""
        run = partial(parts.command, "serve", "--port", str(self.port), watched=self.watched)
        part = self.start("service", run, through)
        self.answers(f"{self.service}/healthz")
        return part

    def start_worker(
        self, name: str = "worker", through: Wire | None = None, **struck: Any
    ) -> Forked:
        """Start a worker; `moment` and `number` say where and by what its RQ part is struck."""
        return self.start(
            name,
            partial(parts.command, "worker", "--no-outbox", watched=self.watched, **struck),
            through,
        )

    def start_outbox(self, name: str = "outbox", through: Wire | None = None) -> Forked:
        return self.start(name, partial(parts.command, "outbox", watched=self.watched), through)

    def start_scheduler(self, name: str = "scheduler", through: Wire | None = None) -> Forked:
        return self.start(name, partial(parts.command, "scheduler"), through)

    def start_all(self, *, workers: int = 1) -> None:
        """Everything, once."""
        self.start_sandbox()
        self.start_service()
        self.start_scheduler()
        self.start_outbox()
        for number in range(workers):
            self.start_worker(f"worker-{number}" if number else "worker")

    def again(self, name: str) -> Forked:
        """Start a part as it was started before."""
        part = self._starts[name]()
        if name == "service":
            self.answers(f"{self.service}/healthz")
        return part

    def kill(self, name: str) -> None:
        self.running.pop(name).kill()

    def kill_all(self) -> None:
        """Also jobs whose worker is long gone."""
        for part in self._ever:
            part.kill()

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """A part is away while the block runs, and back after it."""
        self.kill(name)
        try:
            yield
        finally:
            self.again(name)

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Whatever ends starts again, as under systemd or Kubernetes."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(_RESTART_SECONDS):
                for name, part in list(self.running.items()):
                    if part.ended:
                        self._starts[name]()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def answers(self, url: str) -> None:
        def look() -> bool:
            try:
                return self.http.get(url).status_code == 200
            except httpx.TransportError:
                return False

        eventually(look, f"{url} answers")

    # -- asking ----------------------------------------------------------------------------------

    def company(self) -> int:
        """A client nobody has asked about yet."""
        return next(self._companies)

    def event(
        self,
        company: int,
        *,
        active: bool = False,
        event_id: str = "",
        at: datetime | None = None,
        **data: Any,
    ) -> httpx.Response:
        """What the service answers to an event of the source, of now unless it is said when."""
        now = at or datetime.now(UTC)
        event_id = event_id or f"evt_{next(self._events)}"
        link = {"integration_type": "manage", "company_id": str(company)}
        body = json.dumps(
            {
                "type": "client.active" if active else "client.inactive",
                "timestamp": now.isoformat(),
                "data": {"psa": link, "org_name": f"Client {company}", **data},
            }
        ).encode()
        headers = VENDORS["standard"].sign(self.settings.sources[SOURCE], body, None, event_id, now)
        return self.http.post(f"{self.service}/webhooks/{SOURCE}", content=body, headers=headers)

    def send(self, company: int | None = None, **data: Any) -> str:
        """A client, a new one if none is named, becomes inactive: its deletion."""
        company = self.company() if company is None else company
        self.redis.set(f"test:client:{org_of(company)}", client_of(company))
        answer = self.event(company, **data)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["deletion_id"])

    def api(self, method: str, path: str, **content: Any) -> httpx.Response:
        """A request of the operator."""
        return self.http.request(
            method,
            self.service + path,
            json=content or None,
            headers={"authorization": f"Bearer {TOKEN}"},
        )

    # -- looking ---------------------------------------------------------------------------------

    def deletion(self, deletion_id: str) -> Deletion:
        return Deletion.load(self._record(deletion_id)[0])

    def journal(self, deletion_id: str) -> list[str]:
        return [json.loads(line)["entry"] for line in self._record(deletion_id)[1]]

    def _record(self, deletion_id: str) -> tuple[dict[str, str], list[str]]:
        """The fields and the journal of a deletion, packed or not, as of one moment."""
        with self.redis.pipeline(transaction=True) as both:
            both.hgetall(f"{PREFIX}deletion:{deletion_id}")
            both.lrange(f"{PREFIX}journal:{deletion_id}", 0, -1)
            raw, lines = both.execute()
        fields, kept = record_of(raw)
        return fields, [*kept, *(line.decode() for line in lines)]

    def ended(self, deletion_id: str) -> Deletion:
        """The deletion, once it has ended."""

        def look() -> Deletion | None:
            deletion = self.deletion(deletion_id)
            return deletion if deletion.terminal else None

        try:
            found = eventually(look, f"{deletion_id} ends")
        except AssertionError as error:
            # What it waits for is in its record, and the folder goes with the test.
            raise AssertionError(f"{error}: {self.deletion(deletion_id)}") from None
        assert found is not None
        return found

    def requests(self, method: str) -> list[dict[str, Any]]:
        """What the sandbox was asked by this method."""
        answer = self.http.get(f"{self.sandbox}/_sandbox/requests", params={"method": method})
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def deletes(self, *, accepted: bool = True) -> dict[str, int]:
        """How many DELETEs reached the sandbox, or were `accepted` by it, by organization."""
        found: dict[str, int] = {}
        for entry in self.requests("DELETE"):
            org_id = str(entry["body"]["data"][0]["attributes"]["id"])
            if not accepted or (entry["effect"] or "").startswith("marked"):
                found[org_id] = found.get(org_id, 0) + 1
        return found

    def under_way(self, method: str, path: str) -> bool:
        """Whether the sandbox holds such a request unanswered."""
        return any(
            entry["outcome"] == "open" and path in entry["path"] for entry in self.requests(method)
        )

    def faults(self, **faults: Any) -> None:
        """Set faults of the sandbox; an underscore in a name stands for a dash."""
        answer = self.http.post(
            f"{self.sandbox}/_sandbox/faults",
            json={name.replace("_", "-"): value for name, value in faults.items()},
        )
        assert answer.status_code == 200, answer.text

    @property
    def queue(self) -> Queue:
        return Queue(QUEUE, connection=self.redis, serializer=JSONSerializer)

    def quiet(self) -> None:
        """Wait until nothing is queued, no job runs and nothing is being sent."""

        def look() -> bool:
            try:
                waiting = self.redis.llen(QUEUE_KEY) + self._sending()
            except RedisError:
                return False
            horses = (part for name, part in self.running.items() if name.startswith("worker"))
            return waiting == 0 and all(not part.horses() for part in horses)

        eventually(look, "all jobs are done")

    def _sending(self) -> int:
        """How many callbacks are due, or held by who sends them."""
        due: list[Any] = self.redis.zrange(f"{PREFIX}callbacks:due", 0, -1, withscores=True)
        now = time.time() * 1000
        names = [name.decode() for name, _ in due]
        held = [self.redis.hget(f"{PREFIX}callback:{name}", "lease_until") for name in names]
        return sum(
            score <= now or lease not in {None, b"0"}
            for (_, score), lease in zip(due, held, strict=True)
        )


@contextmanager
def plant(
    crowd: Crowd | None = None,
    *,
    policy: str = "",
    more: str = "",
    watched: bool = False,
    times: Times | None = None,
    redis_url: str = "",
    redis_urls: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Plant]:
    """An installation of which nothing but the Valkey runs yet. Everything ends with the block.

    With `redis_url` it works with another server than that Valkey, with `redis_urls` each part of
    these names by its own; `variables` are added to the environment of all.
    """
    with ExitStack() as stack:
        # A socket's path is short, and pytest's own folders are not.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unglue-")))
        server = stack.enter_context(failing_valkey(folder))
        receiver = stack.enter_context(receiving(RESULTS_SECRET))
        wire = stack.enter_context(wired(folder / "wire.sock", folder / "valkey.sock"))
        made = Plant(
            folder,
            server,
            receiver,
            wire,
            crowd or Crowd(),
            policy,
            more,
            watched,
            times or Times(),
            redis_url,
            variables or {},
            redis_urls or {},
        )
        stack.callback(made.http.close)
        stack.callback(made.redis.close)
        stack.callback(made.kill_all)
        yield made
