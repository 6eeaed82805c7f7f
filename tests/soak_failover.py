"""Deliveries while the primary is killed, with Sentinels: `python -m tests.soak_failover`.

Each is sent until it is answered 202. `--kills` times the primary is killed, its replica takes
over, and the one that was killed comes back as a replica.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from redis.exceptions import RedisError

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.plant import Plant, eventually, plant
from tests.support.sentinels import Watched, watched_by_sentinels
from workers.ledger.records import Deletion
from workers.ledger.store import PREFIX

SENDERS = 4


@dataclass
class Outcome:
    """What became of it. `doubled` are organizations with more than one accepted DELETE."""

    deliveries: int = 0
    attempts: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    deletions: list[Deletion] = field(default_factory=list)
    doubled: dict[str, int] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    over_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def faults(self, clients: int) -> list[str]:
        """Everything that is not as promised."""
        wrong = [f"{each.id} is {each.state}" for each in self.deletions if each.state != "deleted"]
        known = {each.client for each in self.deletions}
        if len(known) != clients or len(self.deletions) != clients:
            wrong.append(f"{len(self.deletions)} deletions of {clients} clients")
        wrong += [f"{org} was deleted {times} times" for org, times in self.doubled.items()]
        wrong += [f"{name} was not told once" for name in self.untold]
        if self.answers["202"] != self.deliveries:
            wrong.append(f"{self.deliveries} deliveries, {self.answers['202']} accepted")
        return wrong


def _send(it: Plant, clients: list[int], events: int, outcome: Outcome, lock: Any) -> None:
    for number in range(events):
        for client in clients:
            while True:
                with lock:
                    outcome.attempts += 1
                try:
                    answer = it.event(client, event_id=f"evt_{client}_{number}")
                except httpx.TransportError as error:
                    status = type(error).__name__
                else:
                    status = str(answer.status_code)
                with lock:
                    outcome.answers[status] += 1
                if status == "202":
                    break
                time.sleep(0.1)


def _kill(watched: Watched, outcome: Outcome) -> None:
    primary = watched.primary()
    began = time.monotonic()
    primary.kill()
    watched.wait_until_another(primary)
    outcome.over_seconds.append(time.monotonic() - began)
    watched.join(primary)


def run(clients: int, events: int, kills: int, workers: int = 1) -> Outcome:
    """So many events of each client, and what became of them."""
    outcome, lock = Outcome(deliveries=clients * events), threading.Lock()
    with (
        watched_by_sentinels() as watched,
        plant(Crowd(size=clients + 1), redis_url=watched.url) as it,
    ):
        it.start_all(workers=workers)
        began = time.monotonic()
        names = list(range(1, clients + 1))
        with it.supervised(), ThreadPoolExecutor(SENDERS) as pool:
            senders = [
                pool.submit(_send, it, names[each::SENDERS], events, outcome, lock)
                for each in range(SENDERS)
            ]
            for number in range(1, kills + 1):
                share = outcome.deliveries * number // (kills + 1)
                eventually(lambda: outcome.answers["202"] >= share, "deliveries come", 1800)  # noqa: B023 - looked at in this round
                _kill(watched, outcome)
            for sender in senders:
                sender.result()
            eventually(lambda: _ended(it, outcome, clients), "all deletions end", 3600)
        outcome.seconds = time.monotonic() - began
        it.quiet()
        outcome.doubled = {org: n for org, n in it.deletes().items() if n > 1}
        missing = {org_of(name) for name in names} - it.deletes().keys()
        outcome.untold += sorted(missing)
        outcome.untold += [
            each.id for each in outcome.deletions if len(set(it.receiver.ids(each.id))) != 1
        ]
    return outcome


def _ended(it: Plant, outcome: Outcome, clients: int) -> bool:
    try:
        names = cast("list[bytes]", it.redis.zrange(f"{PREFIX}deletions", 0, -1))
        outcome.deletions = [it.deletion(name.decode()) for name in names]
    except RedisError:
        return False
    ended = all(each.terminal and it.receiver.ids(each.id) for each in outcome.deletions)
    return ended and len(outcome.deletions) >= clients


def main() -> int:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak_failover", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    asked = parser.parse_args()
    outcome = run(asked.clients, asked.events, asked.kills, workers=2)
    over = ", ".join(f"{each:.1f} s" for each in outcome.over_seconds)
    figures = {
        "deliveries": f"{outcome.deliveries} of {asked.clients} clients, {outcome.attempts} "
        f"attempts: {dict(outcome.answers)}",
        "fail-overs": f"{asked.kills}, the next primary after {over}",
        "deletions": str(dict(Counter(each.state for each in outcome.deletions))),
        "time": f"{outcome.seconds:.0f} s",
    }
    wrong = outcome.faults(asked.clients)
    for name, figure in figures.items():
        print(f"{name:<11} {figure}")  # noqa: T201 - its output
    for each in wrong:
        print(each, file=sys.stderr)  # noqa: T201 - its output
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
