"""RQ's worker, made to live through the absence of Redis and to stop only between two jobs.

RQ's own raises out of its signal handler at whatever line runs (a job just popped is then left
lying), and ends at the first error of a heartbeat or a write. Here a signal sets a flag that is
looked at before each job, and who runs the worker starts it again.
"""

import contextlib
import logging
import mmap
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final, cast

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from workers.ledger.installation.memory import Memory
from workers.network.redis_url import connect_blocking
from workers.processes.job_table import FOREIGN, TableJob, foreign
from workers.processes.lease import holder_of
from workers.processes.queue import JOBS, QUEUE

# RQ's own defaults leave a dead worker's job alone for up to 17 minutes. The ledger's due scores
# are what recovers it; this keeps RQ's own books short behind.
_WORKER_TTL: Final = 30
_MAINTENANCE_SECONDS: Final = 15
# How long an idle worker does not see that it is told to stop.
_DEQUEUE_SECONDS: Final = 1
_ANSWER_SECONDS: Final = 5
_SECOND_SIGNAL_AFTER: Final = 1.0
_FOREIGN_KEPT_SECONDS: Final = 7 * 24 * 3600
# A job that waits in the queue already is not kept waiting by a rehearsal.
_SETTLES_SECONDS: Final = 0.05
_PARENT_SECONDS: Final = 1.0
# Jobs are forks of this process.
_PARENT: Final = os.getpid()

log = structlog.get_logger()


class Stop:
    """SIGTERM and SIGINT: the first ends the work after the job under way, the second the job.

    The process of a job, which is a fork, hears of the first one, too.
    """

    def __init__(self) -> None:
        # Memory that forks share.
        self._told = mmap.mmap(-1, 1)
        self._worker = os.getpid()
        self.worker: SteadyWorker | None = None
        self._at = 0.0

    def listen(self) -> None:
        """From now on, at every moment. The main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)

    def told(self) -> bool:
        """Whether to stop."""
        return self._told[0] != 0

    def nothing_more(self) -> bool:
        """In the process of a job: whether its worker was told to stop, or is gone."""
        return self.told() or self.orphaned()

    def orphaned(self) -> bool:
        """In a fork of the worker: whether that is gone."""
        return os.getppid() != self._worker

    def sleep(self, seconds: float) -> None:
        """Wait, but not when told to stop."""
        deadline = time.monotonic() + seconds
        while not self.told() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _heard(self, _number: int, _frame: object) -> None:
        if not self.told():
            self._told[0], self._at = 1, time.monotonic()
            return
        # A supervisor and a terminal may both send it: that is one.
        if time.monotonic() - self._at < _SECOND_SIGNAL_AFTER:
            return
        if self.worker is not None and self.worker.horse_pid:
            self.worker.kill_horse()
            self.worker.wait_for_horse()
        raise SystemExit(1)


def _nothing(_: Redis) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Beginning:
    """What jobs begin with.

    `memory` is theirs as their worker has it when they begin. `rehearse` is run by the process that
    waits for the next job: what they all do first, without consequences.
    """

    memory: Memory = field(default_factory=Memory)
    rehearse: Callable[[Redis], None] = _nothing


@dataclass(frozen=True, slots=True)
class _Order:
    """What a process that was forked before its job came has to know of it, and of the ledger."""

    job_id: str
    job: dict[bytes, bytes]
    execution_id: str
    since: datetime
    server_version: tuple[int, int, int]
    memory: Memory


class _Ahead:
    """A fork that waits for its job: half of a job's start is what the fork copies of its worker.

    It runs one job, as any fork of RQ's, and belongs to its worker's process group until then.
    """

    def __init__(self, work: Callable[[Connection], None]) -> None:
        reading, self._writing = Pipe(duplex=False)
        self.pid = os.fork()
        if not self.pid:
            self._writing.close()
            try:
                work(reading)
            except BaseException:
                log.exception("job_process_failed")
            finally:
                # Never back into what the worker was about to do.
                os._exit(1)
        reading.close()

    def take(self, order: _Order) -> bool:
        """Have it run this job, in a group of its own; false if it is gone."""
        try:
            os.setpgid(self.pid, self.pid)
            self._writing.send(order)
        except OSError:
            self.end()
            return False
        self._writing.close()
        return True

    def end(self) -> None:
        """End it: no job of anybody runs in it."""
        self._writing.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class SteadyWorker(Worker):
    """One worker on our one queue, for as long as Redis is there."""

    def __init__(
        self,
        redis_url: str,
        stop: Stop,
        ready: Callable[[], None],
        refused: Callable[[str, str], None],
        queue: str = QUEUE,
        idle: Callable[[Redis], None] | None = None,
        died: Callable[[str, str, str], None] | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        """`refused` is told the id of a job that is none of ours, and why.

        `died` is told what a job's process was doing that is gone before it had ended: the name of
        the job, the record's id, and `holder_of` the process.
        """
        self._stop = stop
        self._refused = refused
        self._ready = ready
        self._idle = idle
        self._died = died
        self._beginning = beginning or Beginning()
        self._ahead: _Ahead | None = None
        self._missing = False
        # Once: a command that was carried out and not answered leaves an entry too many in RQ's
        # books, which the ledger does not read.
        once = Retry(NoBackoff(), 1, (ConnectionLost,))
        connection = connect_blocking(
            redis_url, Redis, retry=once, socket_connect_timeout=2, socket_timeout=_ANSWER_SECONDS
        )
        super().__init__(
            [queue],
            connection=connection,
            serializer=JSONSerializer,
            job_class=TableJob,
            worker_ttl=_WORKER_TTL,
            maintenance_interval=_MAINTENANCE_SECONDS,
            log_job_description=False,
        )
        stop.worker = self

    @property
    def dequeue_timeout(self) -> int:
        """How long to wait for a job at a time, in seconds."""
        return _DEQUEUE_SECONDS

    @property
    def connection_timeout(self) -> int:
        """How long Redis may take to answer, in seconds."""
        return _ANSWER_SECONDS

    def bootstrap(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - RQ's own
        """Register; that it worked shows that Redis takes writes."""
        super().bootstrap(*arguments, **options)
        logging.getLogger("rq.worker").addFilter(_not_about_redis)
        self._ready()

    def subscribe(self) -> None:
        """No thread that waits for RQ's remote commands: it would have to be kept alive too."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def _install_signal_handlers(self) -> None:
        """`Stop` listens, from before the first connection."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next job, or `None` when told to stop. Whatever Redis says ends the work."""
        del max_idle_time
        self.set_state(WorkerStatus.IDLE)
        while not self._stop.told():
            self.heartbeat()
            if self._idle is not None:
                self._idle(self.connection)
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
            if self._ahead is None:
                self._ahead = _Ahead(self._await_job)
            try:
                result = self.queue_class.dequeue_any(
                    self.queues,
                    timeout,
                    connection=self.connection,
                    job_class=self.job_class,
                    serializer=self.serializer,
                    death_penalty_class=self.death_penalty_class,
                )
            except DequeueTimeout:
                continue
            if result is not None:
                job, queue = result
                version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
                job.redis_server_version = version
                return job, queue
        return None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Perform a job of the table; what is not in it is kept as failed, and nothing is run."""
        if (why := foreign(job)) is None:
            super().execute_job(job, queue)
            return
        log.error(FOREIGN, job=job.id[:100], why=why)
        job.failure_ttl = _FOREIGN_KEPT_SECONDS
        self.handle_job_failure(job, queue, exc_string=f"{FOREIGN}: {why}")
        self._refused(job.id[:100], why)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Give the job to the process that waits for it; fork one if that is gone."""
        ahead, self._ahead = self._ahead, None
        execution = cast("Execution", self.execution)
        version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
        order = _Order(
            job.id,
            cast("TableJob", job).stored,
            execution.id,
            execution.created_at,
            version,
            self._beginning.memory,
        )
        if ahead is None or not ahead.take(order):
            super().fork_work_horse(job, queue)
            return
        self._horse_pid = ahead.pid

    def _await_job(self, orders: Connection) -> None:
        """In a process of its own: what RQ's `fork_work_horse` does there, once a job comes."""
        # The worker ends it, and so does the end of the worker.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if not orders.poll(_SETTLES_SECONDS):
            self._beginning.rehearse(self.connection)
        while not orders.poll(_PARENT_SECONDS):
            if self._stop.orphaned():
                return
        try:
            order: _Order = orders.recv()
        except EOFError:
            return
        self._beginning.memory.become(order.memory)
        job = TableJob(order.job_id, connection=self.connection, serializer=JSONSerializer)
        job.restore(order.job)
        job.redis_server_version = order.server_version
        execution = Execution(order.execution_id, job.id, self.connection, self.name)
        execution.created_at = order.since
        self.executions = {execution.id: execution}
        os.environ["RQ_WORKER_ID"], os.environ["RQ_JOB_ID"] = self.name, job.id
        self.main_work_horse(job, self.queues[0])

    def teardown(self) -> None:
        """Unregister, and end the process that waits for a job."""
        if self._ahead is not None:
            self._ahead.end()
        super().teardown()  # type: ignore[no-untyped-call]

    def handle_work_horse_killed(
        self,
        job: Job,
        retpid: int | None,
        ret_val: int | None,
        rusage: Any,  # noqa: ANN401 - RQ's own
    ) -> None:
        """Tell of it; without a process id nobody saw it end."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        if retpid and self._died is not None and foreign(job) is None:
            name = str(job.func_name).removeprefix(JOBS)
            self._died(name, str(job.args[0]), holder_of(self.name, retpid))

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """The job goes on without Redis: its end is what is waited for."""
        try:
            super().maintain_heartbeats(job, execution)
            if self._idle is not None:
                self._idle(self.connection)
        except (RedisError, OSError) as error:
            if not self._missing:
                log.warning("heartbeat_missed", job=job.id, error=type(error).__name__)
            self._missing = True
        else:
            self._missing = False


def _not_about_redis(record: logging.LogRecord) -> bool:
    """RQ tells each loss of Redis with a traceback; we tell each change in a line."""
    error = record.exc_info[1] if record.exc_info else None
    about_redis = "Redis connection timeout" in str(record.msg) or isinstance(
        error, RedisError | OSError
    )
    # What a job's own process says is about the job.
    return not about_redis or os.getpid() != _PARENT
