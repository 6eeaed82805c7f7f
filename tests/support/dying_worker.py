"""A real worker that kills itself, as `kill -9` would, right before or after the call goes out."""

import os
import signal
import sys

from workers.itglue.client import ITGlue
from workers.itglue.http.transport import JustBefore
from workers.itglue.models import ChangeAnswer
from workers.processes.worker import run_worker
from workers.settings import load_settings

_send = ITGlue.delete_organization


def _die() -> None:
    """The job's process and its parent, at once."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


async def _dying(self: ITGlue, org_id: str, just_before: JustBefore | None = None) -> ChangeAnswer:
    if sys.argv[1] == "before":
        _die()
    answer = await _send(self, org_id, just_before)
    _die()
    return answer


if __name__ == "__main__":
    ITGlue.delete_organization = _dying  # type: ignore[method-assign]
    run_worker(load_settings())
