"""Thousands of deliveries of three vendors, while every process is killed again and again.

`python -m tests.soak_faults --deliveries 20000`. It ends when every deletion has ended, or fails
after `--minutes`. The same seed sends and kills in the same order; when, is the machine's affair.
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import httpx
from redis.exceptions import RedisError

from adapters.registry import VENDORS
from service.demo.stand_ins import key_server
from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.plant import LEASE_SECONDS, Plant, plant
from tests.support.plant.vendors import KEY, LINKS, VENDOR, Sent, configuration, deliveries
from tests.support.serve import serve
from workers.ledger.records import Deletion
from workers.ledger.store import PREFIX

EACH = 40
SENDERS = 4
WORKERS = 2
CAME_BACK = 0.1
# How often each of them is struck, of all strikes.
STRIKES = {
    "worker": 5,
    "worker alone": 2,
    "job": 3,
    "worker paused past its lease": 1,
    "scheduler": 3,
    "outbox": 3,
    "service": 3,
    "Valkey": 2,
}


@dataclass
class Soak:
    """One run."""

    it: Plant
    key_origin: str
    until: float
    strikes: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    _newest: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- sending ---------------------------------------------------------------------------------

    def send(self, lists: Sequence[list[Sent]]) -> None:
        """The deliveries of some clients, one after the other, each until it is accepted."""
        with httpx.Client(trust_env=False, timeout=20) as http:
            for sent in (each for one in zip(*lists, strict=True) for each in one):
                self._send(http, sent)

    def _send(self, http: httpx.Client, sent: Sent) -> None:
        body = sent.body(self.key_origin)
        config = self.it.settings.sources[sent.source]
        while time.monotonic() < self.until:
            now = datetime.now(UTC)
            headers = VENDORS[VENDOR[sent.source]].sign(config, body, KEY, sent.event_id, now)
            with self._lock:
                self.attempts += 1
            try:
                url = f"{self.it.service}/webhooks/{sent.source}"
                answer = http.post(url, content=body, headers=headers)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 202:
                with self._lock:
                    self.answered[answer.json()["verdict"]] += 1
                return
            time.sleep(0.1)

    # -- striking --------------------------------------------------------------------------------

    def strike(self, chance: random.Random, stop: threading.Event) -> None:
        """One after the other, until told to stop."""
        kinds, weights = list(STRIKES), list(STRIKES.values())
        while not stop.wait(chance.uniform(0.5, 2.5)):
            (kind,) = chance.choices(kinds, weights)
            worker = self.it.running[chance.choice(["worker", "worker-1"])]
            match kind:
                case "worker":
                    worker.strike(signal.SIGKILL)
                case "worker alone":
                    worker.strike_alone(signal.SIGKILL)
                case "job":
                    worker.strike_horses(signal.SIGKILL)
                case "worker paused past its lease":
                    worker.strike(signal.SIGSTOP)
                    stop.wait(LEASE_SECONDS + 1)
                    worker.strike(signal.SIGCONT)
                case "Valkey":
                    with self.it.server.down(killed=True):
                        stop.wait(chance.uniform(0.1, 3))
                case _:
                    self.it.running[kind].strike(signal.SIGKILL)
            self.strikes[kind] += 1

    # -- looking ---------------------------------------------------------------------------------

    def look(self) -> list[Deletion]:
        """Every deletion; and count the DELETEs that came since the last look."""
        query: dict[str, Any] = {"method": "DELETE", "since": self._newest}
        answer = self.it.http.get(f"{self.it.sandbox}/_sandbox/requests", params=query)
        for entry in answer.json()["requests"]:
            if entry["outcome"] == "open":
                break
            self._newest = entry["number"]
            if (entry["effect"] or "").startswith("marked"):
                self.accepted[str(entry["body"]["data"][0]["attributes"]["id"])] += 1
        names = cast("list[bytes]", self.it.redis.zrange(f"{PREFIX}deletions", 0, -1))
        return [self.it.deletion(name.decode()) for name in names]

    def finished(self) -> list[Deletion]:
        """Every deletion, once all have ended and been told; or what there is when time is up."""
        found: list[Deletion] = []
        while time.monotonic() < self.until:
            try:
                found = self.look()
            except RedisError:
                continue
            if all(each.terminal and self.it.receiver.ids(each.id) for each in found):
                break
            time.sleep(0.5)
        return found


def faults(soak: Soak, found: Sequence[Deletion], clients: int) -> list[str]:
    """Everything that is not as promised."""
    wrong = [f"{each.id} is {each.state}" for each in found if not each.terminal]
    told = {each.id: set(soak.it.receiver.ids(each.id)) for each in found}
    wrong += [
        f"{name} was told as {ids or 'nothing'}" for name, ids in told.items() if len(ids) != 1
    ]
    if len({each.client for each in found}) != clients or len(found) != clients:
        wrong.append(f"{len(found)} deletions of {clients} clients")
    for each in found:
        org_id = org_of(int(each.client.rpartition(":")[2]))
        sent = soak.accepted[org_id]
        # One that ended its worker three times is parked, whatever became of its call.
        parked = each.state == "failed" and each.deaths >= 3
        if sent != (each.state == "deleted") and not (parked and sent <= 1):
            wrong.append(f"{each.id} is {each.state} after {sent} accepted DELETEs")
    return wrong


def run(number: int, chance: random.Random, minutes: float) -> int:
    """Send so many deliveries, and say what became of them."""
    clients = max(number // EACH, 3)
    lists = list(deliveries(clients, number // clients, CAME_BACK, datetime.now(UTC), chance))
    total = sum(map(len, lists))
    with (
        serve(key_server(KEY)) as origin,
        plant(Crowd(size=clients, links=LINKS), more=configuration(origin)) as it,
    ):
        it.start_all(workers=WORKERS)
        began = time.monotonic()
        soak = Soak(it, origin, began + 60 * minutes)
        stop = threading.Event()
        striking = threading.Thread(target=soak.strike, args=(chance, stop))
        with it.supervised(), ThreadPoolExecutor(SENDERS) as pool:
            striking.start()
            senders = [pool.submit(soak.send, lists[sender::SENDERS]) for sender in range(SENDERS)]
            for sender in senders:
                sender.result()
            sent_in = time.monotonic() - began
            found = soak.finished()
            stop.set()
            striking.join()
        seconds = time.monotonic() - began
        it.quiet()
        found = soak.look()
        wrong = faults(soak, found, clients)
        accepted = soak.answered.total()
        if accepted != total:
            wrong.append(f"{total} deliveries, {accepted} accepted")
        _print(soak, found, total, sent_in, seconds)
        for each in wrong:
            print(each, file=sys.stderr)  # noqa: T201 - its output
        return 1 if wrong else 0


def _print(
    soak: Soak, found: Sequence[Deletion], total: int, sent_in: float, seconds: float
) -> None:
    told = [soak.it.receiver.ids(each.id) for each in found]
    most = max(soak.accepted.values(), default=0)
    figures = {
        "deliveries": f"{total}, accepted {soak.answered.total()} after {soak.attempts} attempts, "
        f"in {sent_in:.0f} s: {_counted(soak.answered)}",
        "deletions": f"{len(found)}: {_counted(Counter(each.state for each in found))}",
        "accepted DELETEs": f"{soak.accepted.total()}, most for one organization: {most}",
        "callbacks": f"{sum(map(len, told))} attempts, {sum(map(bool, told))} deletions told",
        "killed": f"{soak.strikes.total()} times: {_counted(soak.strikes)}",
        "time": f"{seconds:.0f} s, {len(found) / seconds:.2f} deletions a second",
    }
    for name, figure in figures.items():
        print(f"{name:<17} {figure}")  # noqa: T201 - its output


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> int:
    """Soak, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak_faults", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=60, help="give up after so many")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)  # noqa: T201 - its output
    return run(chosen.deliveries, random.Random(chosen.seed), chosen.minutes)  # noqa: S311 - chaos


if __name__ == "__main__":
    sys.exit(main())
