"""Where a process is struck: around one run of one script, for one client.

A test writes a `Stop` into the Valkey before it sends the client's event. Every watched process
counts the runs of each script for each client there, and the one that comes to the stop takes it
out and acts on it: so it strikes once, in whichever process that is. DELETE counts as a script.
"""

import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis

from workers.itglue.client import ITGlue
from workers.itglue.http.transport import JustBefore
from workers.itglue.models import ChangeAnswer
from workers.ledger.events.commits import Commits
from workers.ledger.store import Store, record_of

# Where a delivery's events stand among the arguments of `receive`.
EVENTS = 12
STOPS, STRUCK, PIDS = "test:stops", "test:struck", "test:pids"
_OF_DELETIONS = {"lease", "record", "begin_delete", "approve"}
_OF_CALLBACKS = {"lease_callback", "record_callback"}

_run_script = Store.run
_run_commit = Commits.run
_delete = ITGlue.delete_organization


@dataclass(frozen=True)
class Stop:
    """The `nth` run of a script for a client, before it begins or after it has ended.

    `act` "kill" and "pause" are for the process itself and, if it is a job's, for its worker;
    "poison" kills the process alone, at each run up to the `nth`; any other one names the process
    that is killed instead.
    """

    script: str
    nth: int
    when: Literal["before", "after"]
    act: str = "kill"

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: bytes) -> "Stop":
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Run:
    """One run of a script for a client, and the entries of the journal that it wrote."""

    script: str
    nth: int
    entries: tuple[str, ...]

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: bytes) -> "Run":
        fields = json.loads(text)
        return cls(fields["script"], fields["nth"], tuple(fields["entries"]))


def trace(client: str) -> str:
    """The key of the list of a client's runs."""
    return f"test:runs:{client}"


def watch() -> None:
    """Have this process, and what it forks, look for stops."""
    Store.run = _watched  # type: ignore[method-assign]
    Commits.run = _watched_commit  # type: ignore[method-assign]
    ITGlue.delete_organization = _watched_delete  # type: ignore[method-assign]


async def _watched(self: Store, name: str, *args: Any, **waits: bool) -> Any:
    return await _around(self, name, args, lambda: _run_script(self, name, *args, **waits))


async def _watched_commit(self: Commits, args: Sequence[Any], *, size: int, durable: bool) -> Any:
    async def run() -> Any:
        return await _run_commit(self, args, size=size, durable=durable)

    return await _around(self._store, self._script, args, run)


async def _around(
    store: Store, name: str, args: Sequence[Any], run_it: Callable[[], Awaitable[Any]]
) -> Any:
    client = await _client(store, name, args)
    if client is None:
        return await run_it()
    nth = await _reach(store.redis, client, name)
    deletion_id = _deletion_of(name, args)
    before = len(await _journal(store, client, deletion_id))
    answer = await run_it()
    run = Run(name, nth, (await _journal(store, client, deletion_id))[before:])
    await store.redis.rpush(trace(client), run.dump())
    await _strike(store.redis, client, name, nth, "after")
    return answer


async def _watched_delete(
    self: ITGlue, org_id: str, just_before: JustBefore | None = None
) -> ChangeAnswer:
    redis = Redis.from_url(os.environ["UNGLUE_REDIS_URL"])
    try:
        client = (cast("bytes", await redis.get(f"test:client:{org_id}"))).decode()
        nth = await _reach(redis, client, "DELETE")
        answer = await _delete(self, org_id, just_before)
        await _strike(redis, client, "DELETE", nth, "after")
        return answer
    finally:
        await redis.aclose()


async def _client(store: Store, name: str, args: Sequence[Any]) -> str | None:
    """Whose script it is; `None` for scripts that are nobody's."""
    if name == "receive":
        (event,) = json.loads(args[EVENTS])
        client = event.get("client")
        return client if isinstance(client, str) else None
    deletion_id = _deletion_of(name, args)
    if deletion_id is None:
        return None
    found = await store.redis.hget(store.key("deletion", deletion_id), "client")
    return cast("bytes", found).decode() if found else None


def _deletion_of(name: str, args: Sequence[Any]) -> str | None:
    """The deletion that a script is given; of a delivery, the one that it may create."""
    if name == "receive":
        (event,) = json.loads(args[EVENTS])
        deletion_id = event.get("deletion_id")
        return deletion_id if isinstance(deletion_id, str) else None
    if name in _OF_DELETIONS:
        return str(args[0])
    if name in _OF_CALLBACKS:
        return "del_" + str(args[0]).removeprefix("cb_").rpartition("_")[0]
    return None


async def _journal(store: Store, client: str, deletion_id: str | None) -> tuple[str, ...]:
    """The entries in the journal of the client's deletion; its register knows no dry run."""
    known = await store.redis.hget(store.key("register", "rw", client), "deletion_id")
    name = cast("bytes", known).decode() if known else deletion_id or ""
    async with store.redis.pipeline(transaction=True) as both:
        both.hgetall(store.key("deletion", name))
        both.lrange(store.key("journal", name), 0, -1)
        raw, lines = await both.execute()
    return tuple(json.loads(line)["entry"] for line in (*record_of(raw)[1], *lines))


async def _reach(redis: Redis, client: str, name: str) -> int:
    nth = int(await redis.hincrby(f"test:counts:{client}", name, 1))
    await _strike(redis, client, name, nth, "before")
    return nth


async def _strike(redis: Redis, client: str, name: str, nth: int, when: str) -> None:
    text = await redis.hget(STOPS, client)
    if not text:
        return
    stop = Stop.load(cast("bytes", text))
    if (stop.script, stop.when, stop.act) == (name, when, "poison") and nth <= stop.nth:
        os.kill(os.getpid(), signal.SIGKILL)
    if (stop.script, stop.nth, stop.when) != (name, nth, when):
        return
    if not await redis.hdel(STOPS, client):
        return
    await redis.sadd(STRUCK, client)
    if stop.act in {"kill", "pause"}:
        number = signal.SIGKILL if stop.act == "kill" else signal.SIGSTOP
        # A job's process is its worker's child in the same session; the service leads its own.
        if os.getsid(0) != os.getpid():
            os.kill(os.getppid(), number)
        os.kill(os.getpid(), number)
    else:
        pid = await redis.hget(PIDS, stop.act)
        try:
            os.kill(int(cast("bytes", pid)), signal.SIGKILL)
        except ProcessLookupError:
            # It was killed at another stop, and starts again.
            return
