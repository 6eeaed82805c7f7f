"""A real worker whose jobs of sweeps begin, and end when a file is there."""

import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from service.supervision.logs import configure_logs
from workers.processes import jobs
from workers.processes.worker import run_worker
from workers.settings import load_settings

_sweep = jobs.run_sweep


def _slowly(sweep_id: str) -> Coroutine[Any, Any, None]:
    folder = Path(sys.argv[2])
    (folder / "begun").touch()
    deadline = time.monotonic() + 90
    while not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return _sweep(sweep_id)


if __name__ == "__main__":
    configure_logs()
    jobs.run_sweep = _slowly
    run_worker(load_settings())
