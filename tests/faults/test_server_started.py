"""A real server is started again while deletions wait for their grant: with its data, or a copy."""

import json
import shutil
import signal
import time

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.injected import Injected
from tests.support.plant.plant import Plant, client_of, eventually, plant
from tests.support.plant.stops import STOPS, STRUCK, Stop


def state(it: Plant, deletion_id: str) -> str:
    return it.deletion(deletion_id).state


def refused(it: Plant, deletion_id: str) -> list[str]:
    """Why no call was granted, in the order in which that was said."""
    lines = [json.loads(line) for line in it.redis.lrange(f"unglue:journal:{deletion_id}", 0, -1)]
    return [each["why"] for each in lines if each["entry"] == "not_begun"]


def test_with_its_data_while_a_worker_is_about_to_ask(injected: Injected) -> None:
    with plant(Crowd(size=3), watched=True) as it:
        it.start_all()
        it.ended(it.send())
        since, company = time.monotonic(), it.company()
        it.redis.hset(STOPS, client_of(company), Stop("begin_delete", 1, "before", "pause").dump())
        deletion_id = it.send(company)
        eventually(lambda: it.redis.sismember(STRUCK, client_of(company)), "it is about to ask")
        it.server.restart()
        started = time.monotonic()
        it.running["worker"].strike(signal.SIGCONT)
        assert it.ended(deletion_id).state == "deleted"
        # From when it is first seen.
        assert time.monotonic() - started > 3
        assert "not_begun" in it.journal(deletion_id)
        assert it.deletes(accepted=False)[org_of(company)] == 1
        injected(it, "restart", "the server, before a grant", [deletion_id], since=since)


def test_with_a_copy_and_a_worker_that_knows_nothing(injected: Injected) -> None:
    """Only the service was told that the client is back; it looks last of all."""
    with plant(Crowd(size=3), policy='export = false\ngrace_period = "5s"') as it:
        it.start_all()
        since, company = time.monotonic(), it.company()
        deletion_id = it.send(company)
        eventually(lambda: state(it, deletion_id) == "scheduled", "it waits")
        it.kill("worker")
        it.kill("scheduler")
        before = it.server.folder.with_name(f"{it.server.folder.name}-copy")
        files = it.server.folder / "appendonlydir"
        it.server.stop()
        shutil.copytree(files, before)
        it.server.start()
        eventually(
            lambda: it.event(company, active=True).status_code == 202, "the service takes it"
        )
        assert state(it, deletion_id) == "cancelled"

        it.running["service"].strike(signal.SIGSTOP)
        it.server.stop()
        shutil.rmtree(files)
        shutil.move(before, files)
        it.server.start()
        assert state(it, deletion_id) == "scheduled"
        it.start_scheduler()
        it.start_worker()
        # However long the service hangs, for it is one that would have to look.
        eventually(lambda: "no_service" in refused(it, deletion_id), "a worker asked")
        it.running["service"].strike(signal.SIGCONT)
        eventually(lambda: it.redis.hexists("unglue:paused", "ledger_lost"), "it is noticed")
        it.quiet()
        assert it.deletes(accepted=False) == {}
        injected(it, "restart", "the server, with a copy of before", [], since=since)
