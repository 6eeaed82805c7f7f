"""What may come off the queue: a name out of a closed table and an id of a known form.

RQ imports whatever dotted name a job carries, and those of its callbacks, and posts to its
webhooks. A job is data that others may have written: what is not in the table is never imported.
"""

import re
from collections.abc import Callable
from typing import Any, Final, get_args

from rq.job import Job as RqJob

from workers.processes.queue import JOBS, Job

FOREIGN: Final = "foreign_job"

# What an older version queued and what nobody queues any more; it is done without doing anything.
RETIRED: Final = frozenset({"send_callback", "tell_people"})

_NAMES: Final = frozenset(f"{JOBS}{name}" for name in {*get_args(Job), *RETIRED})
_ID: Final = re.compile(r"[a-z]{2,4}_[0-9A-Za-z_.-]{1,200}", re.ASCII)
# The one job that is about no record.
_WORDS: Final = {"workers.processes.jobs.read_the_account": "account"}


class ForeignJob(ValueError):
    """A job that is none of ours."""


class TableJob(RqJob):
    """A job whose function is looked up in the table, and which calls nobody back."""

    def restore(self, raw_data: Any) -> Any:  # noqa: ANN401 - RQ's own
        """Read what Redis holds, without what RQ would import, post to or do again for it.

        Also run for jobs that maintenance finds abandoned: it would call their callbacks.
        """
        restored = super().restore(raw_data)
        self.stored: dict[bytes, bytes] = raw_data
        names = ("_success_callback_name", "_failure_callback_name", "_stopped_callback_name")
        self.calls_others = any(getattr(self, name, None) for name in names) or bool(
            self.webhooks
            or self._dependency_ids
            or self.retries_left
            or self.repeats_left
            or self.meta
        )
        for name in names:
            setattr(self, name, None)
        self.webhooks = []
        self._dependency_ids = []
        self.retries_left = self.repeats_left = None
        return restored

    @property
    def func(self) -> Callable[..., Any] | None:
        """The function of the table. Raises ForeignJob: it is not in the table."""
        if (why := foreign(self)) is not None:
            raise ForeignJob(why)
        function: Callable[..., Any] | None = super().func
        return function


def foreign(job: RqJob) -> str | None:
    """Why a job is none of ours, in a word; `None` if it is ours. Imports nothing."""
    try:
        found: Any = (job.func_name, job.instance, job.args, job.kwargs)
    except Exception:  # noqa: BLE001 - whatever its bytes make of the serializer
        return "unreadable"
    name, instance, arguments, keywords = found
    if not isinstance(name, str) or name not in _NAMES or instance is not None:
        return "name"
    if keywords or not isinstance(arguments, list | tuple) or len(arguments) != 1:
        return "arguments"
    (argument,) = arguments
    word = _WORDS.get(name)
    if not isinstance(argument, str) or not (argument == word if word else _ID.fullmatch(argument)):
        return "arguments"
    return "calls" if getattr(job, "calls_others", False) else None
