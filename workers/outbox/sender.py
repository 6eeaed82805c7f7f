"""The sender: takes what is due from the ledger and sends it, many at once.

It waits on strangers, so it is nobody else's process: not the worker's, who deletes. What a host
that does not answer would get waits for it and for nobody else. Several senders do no harm: each
takes what it sends by a lease, and they share what they know of the hosts.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from workers.ledger.installation.heartbeats import OUTBOX, OUTBOX_LASTS
from workers.ledger.sending.callbacks import Callback, Waiting
from workers.ledger.sending.hosts import Leave
from workers.outbox.notify import fan_out
from workers.outbox.outgoing import Means, host_of
from workers.outbox.send import Attempt, attempt, record
from workers.processes.stopping import beside, in_rounds
from workers.times.clock import rfc3339
from workers.upkeep.continuity import CLOCK_OFF, Continuity

MOST: Final = 50
MOST_OF_A_HOST: Final = 4
_SEEN_AT_ONCE: Final = 200
# How long something due may lie before it is seen, and how long something done may before the next.
_LOOK_SECONDS: Final = 0.25
_GAP_SECONDS: Final = 0.02
_BEAT_SECONDS: Final = 5.0
# How long attempts may go on once the process is told to stop.
_LAST_SECONDS: Final = 5.0
# What finds its host busy or being tried is looked at again then; of many each a little later.
_LATER: Final = timedelta(seconds=2)
_APART: Final = timedelta(milliseconds=10)
_AGAIN_SECONDS: Final = 1.0

log = structlog.get_logger()


class Sender:
    """One sender."""

    def __init__(self, means: Means, continuity: Continuity | None = None) -> None:
        self._means = means
        self._ledger = means.ledger
        self._continuity = continuity
        self._sending: dict[str, tuple[Callback, asyncio.Task[None]]] = {}
        self._busy: Counter[str] = Counter()
        self._suspects: set[str] = set()
        self._free = asyncio.Event()
        self._may = False
        self._beaten = -_BEAT_SECONDS

    # -- one round -------------------------------------------------------------------------------

    async def round(self) -> int:
        """Begin to send what is due and may be sent now; how many. Raises RedisError, OSError."""
        now = self._means.clock()
        for notice_id in await self._ledger.notices.due(now):
            await fan_out(notice_id, self._ledger, self._means.settings, now)
        if len(self._sending) >= MOST:
            return 0
        seen = await self._ledger.callbacks.due(now, limit=_SEEN_AT_ONCE)
        by_host: defaultdict[str, list[Waiting]] = defaultdict(list)
        for each in seen:
            if each.id not in self._sending:
                by_host[host_of(self._url(each))].append(each)
        begun = 0
        left: dict[str, list[Waiting]] = {}
        for host, waiting in by_host.items():
            chosen = await self._chosen(host, waiting)
            for each in chosen:
                await self._send(host, each)
            begun += len(chosen)
            left[host] = [each for each in waiting if each not in chosen]
        if len(seen) == _SEEN_AT_ONCE:
            await self._make_room(left)
        return begun

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while self._sending:
            await asyncio.wait({task for _, task in self._sending.values()})

    def _url(self, waiting: Waiting) -> str:
        if not waiting.notice_id:
            return waiting.target
        target = self._means.settings.notifications.get(waiting.target)
        return target.url if target else ""

    async def _chosen(self, host: str, waiting: list[Waiting]) -> list[Waiting]:
        """As much of it as this host may be sent now."""
        free = min(MOST - len(self._sending), MOST_OF_A_HOST - self._busy[host])
        may = self._with_one_suspect(waiting)[: max(0, free)]
        if not may or not host:
            return may
        leave = await self._ledger.hosts.ask(host, self._means.clock())
        match leave.may:
            case "free":
                return may
            case "probe":
                return may[:1]
            case "probed":
                later = self._means.clock() + _LATER
                await self._ledger.callbacks.look_later({each.id: later for each in waiting})
            case "silent":
                await self._put_off(host, waiting, leave)
        return []

    def _with_one_suspect(self, waiting: list[Waiting]) -> list[Waiting]:
        """What ended its sender before is tried one at a time, so that it ends nothing else."""
        may, suspected = [], bool(self._suspects)
        for each in waiting:
            if not (each.suspect and suspected):
                may.append(each)
            suspected = suspected or each.suspect
        return may

    async def _send(self, host: str, waiting: Waiting) -> None:
        held = await self._ledger.callbacks.lease(waiting.id, self._means.clock())
        if held is None:
            return
        self._busy[host] += 1
        if waiting.suspect:
            self._suspects.add(held.id)
        task = asyncio.create_task(self._attempt(held))
        self._sending[held.id] = held, task
        task.add_done_callback(lambda done: self._done(held, host, done))

    def _done(self, held: Callback, host: str, task: asyncio.Task[None]) -> None:
        del self._sending[held.id]
        self._suspects.discard(held.id)
        self._busy[host] -= 1
        self._free.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease ends by itself; what does so again and again is given up.
            log.error("attempt_failed", callback_id=held.id, exc_info=error)

    async def _attempt(self, held: Callback) -> None:
        # A task has a context of its own, which ends with it.
        about = {"deletion_id": held.deletion_id} if held.deletion_id else {}
        bind_contextvars(callback_id=held.id, **about)
        callbacks = self._ledger.callbacks
        try:
            made = await attempt(held, self._means)
        except RedisError:
            # Nothing was sent: what is to be sent could not be read.
            await _until_written(lambda: callbacks.give_back(held, self._means.clock()))
            return
        await _until_written(lambda: record(made, self._means))
        if made.posted.silent:
            await _until_written(lambda: self._silent(held, made))
        elif made.posted.status is not None:
            await _until_written(lambda: self._answered(made.host))

    # -- hosts that do not answer ----------------------------------------------------------------

    async def _answered(self, host: str) -> None:
        since = await self._ledger.hosts.answered(host)
        if since is not None:
            log.info("receiver_answers_again", host=host, silent_since=rfc3339(since))

    async def _silent(self, held: Callback, made: Attempt) -> None:
        now = self._means.clock()
        until = await self._ledger.hosts.silent(made.host, now)
        if until is None:
            return
        log.error(
            "receiver_silent",
            host=made.host,
            why=made.posted.answer,
            tried_again_at=rfc3339(until),
            advice="what is for this host waits; nothing else does",
        )
        notices = self._ledger.notices
        if held.notice_id:
            detail = {"target": held.target, "why": made.posted.answer}
            await notices.write("target_failing", detail, now, once=held.target)
        else:
            detail = {"host": made.host, "why": made.posted.answer}
            await notices.write("receiver_silent", detail, now, once=made.host)

    async def _put_off(self, host: str, waiting: list[Waiting], leave: Leave) -> None:
        now, until = self._means.clock(), leave.until or self._means.clock()
        why = f"waits: {host} does not answer; next tried after {rfc3339(until)}"
        for each in waiting:
            entry = "notification" if each.notice_id else "callback"
            line = {"entry": entry, "state": "pending", "why": why, "waits_for": host}
            await self._ledger.callbacks.put_off(each, until, host, line, now)

    async def _make_room(self, left: dict[str, list[Waiting]]) -> None:
        """More is due than was looked at: what its host is too busy for makes room for others."""
        kept = _SEEN_AT_ONCE // 2 // max(1, len(left))
        later = self._means.clock() + _LATER
        names = {}
        for waiting in left.values():
            for number, each in enumerate(waiting[kept:]):
                names[each.id] = later + number * _APART
        await self._ledger.callbacks.look_later(names)

    # -- the process -----------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop. Redis may go away and come back.

        Raises AnotherAccount, StorageUnfit.
        """
        # A name that does not resolve occupies a thread for as long as that takes.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST))
        async with beside(self._keep_leases()):
            await in_rounds(self._ledger, lambda: self._go_round(stop), stop, _LOOK_SECONDS)
            await self._end()

    async def _go_round(self, stop: asyncio.Event) -> None:
        self._free.clear()
        clock = asyncio.get_running_loop().time
        if clock() - self._beaten >= _BEAT_SECONDS:
            await self._beat()
            self._beaten = clock()
        if self._may:
            await self.round()
        await self._until_something(stop)

    async def _until_something(self, stop: asyncio.Event) -> None:
        """Wait until something was sent, it is time to look, or we are told to stop."""
        await asyncio.sleep(_GAP_SECONDS)
        waiting = [asyncio.ensure_future(each.wait()) for each in (stop, self._free)]
        await asyncio.wait(waiting, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()

    async def _beat(self) -> None:
        """Say that a sender is alive; see whether it may act: its account and clock are right."""
        now = self._means.clock()
        await self._ledger.account.require_ours(now)
        await self._ledger.heartbeats.beat(OUTBOX, now, OUTBOX_LASTS)
        self._may = self._continuity is None or await self._continuity.look() != CLOCK_OFF

    async def _keep_leases(self) -> None:
        every = self._ledger.callbacks.lease_seconds / 4
        while True:
            await asyncio.sleep(every)
            held = [callback for callback, _ in self._sending.values()]
            try:
                await self._ledger.callbacks.renew(held, self._means.clock())
            except (RedisError, OSError):
                # The next time; if it is too late then, somebody else makes the attempt again.
                continue

    async def _end(self) -> None:
        """What is being sent has a moment; what is left is sent again by whoever comes next."""
        tasks = [task for _, task in self._sending.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        left = list(self._sending.values())
        for _, task in left:
            task.cancel()
        now = self._means.clock()
        giving = [self._ledger.callbacks.give_back(held, now) for held, _ in left]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                # Redis may be away: then their leases end by themselves.
                await asyncio.gather(*giving, return_exceptions=True)


async def _until_written(write: Callable[[], Awaitable[None]]) -> None:
    """Write down what an attempt came to, however long Redis is away: it must not be made again.

    Somebody else may have made it meanwhile; then what is written here counts no more.
    """
    said = False
    while True:
        try:
            await write()
        except RedisError as error:
            if not said:
                log.warning("not_written_yet", error=type(error).__name__)
            said = True
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return
