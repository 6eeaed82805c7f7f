"""The names by which jobs wait in Redis."""

import inspect
from typing import get_args

from workers.processes import jobs
from workers.processes.job_table import RETIRED
from workers.processes.queue import Job


def test_every_job_is_a_function_of_workers_jobs_and_the_other_way_round() -> None:
    functions = {
        name
        for name, found in inspect.getmembers(jobs, inspect.isfunction)
        if found.__module__ == jobs.__name__ and not name.startswith("_")
    }
    assert functions == set(get_args(Job)) | RETIRED
