"""The load generator, a process of its own: prepared requests over kept connections.

    python -m benchmarks.generator FILE HOST PORT --connections 32 --seconds 4 [--rate 1000]

Without a rate each connection sends as soon as it is answered; with one, requests leave at fixed
times whatever is answered, and latency counts from the time at which it should have left. Prints
one JSON line.
"""

import argparse
import asyncio
import json
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import uvloop

# uvloop counts in milliseconds: half of one is none, and whoever waits for none takes a processor.
_NAP: Final = 0.001


def read(path: Path) -> list[bytes]:
    """The requests of a file, each behind its length in 8 digits."""
    data, requests, start = path.read_bytes(), list[bytes](), 0
    while start < len(data):
        end = start + 8 + int(data[start : start + 8])
        requests.append(data[start + 8 : end])
        start = end
    return requests


class Load:
    """What is sent, and what came of it. Times are in seconds of the monotonic clock."""

    def __init__(self, requests: list[bytes], rate: float | None) -> None:
        self.requests = requests
        self.rate = rate
        self.place = 0
        self.latencies: list[float] = []
        self.failed = 0
        self.over = False
        # In turn, for a server closes what is idle for long.
        self.idle: deque[_Connection] = deque()
        self.late: deque[float] = deque()

    def next(self) -> bytes:
        """The next request; after the last one, the first again."""
        request = self.requests[self.place % len(self.requests)]
        self.place += 1
        return request

    def freed(self, connection: "_Connection") -> None:
        """It was answered: what it does next."""
        if self.over:
            return
        if self.rate is None:
            connection.send(self.next(), time.perf_counter())
        elif self.late:
            connection.send(self.next(), self.late.popleft())
        else:
            self.idle.append(connection)

    async def pace(self, seconds: float) -> None:
        """Send at the rate."""
        assert self.rate is not None
        start, number = time.perf_counter(), 0
        while (now := time.perf_counter()) < start + seconds:
            while (due := start + number / self.rate) <= now:
                number += 1
                if self.idle:
                    self.idle.popleft().send(self.next(), due)
                else:
                    self.late.append(due)
            await asyncio.sleep(max(_NAP, due - now))


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._sent = 0.0
        self._answer = b""
        self.waits = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's own
        self._transport = transport
        self._load.freed(self)

    def send(self, request: bytes, at: float) -> None:
        self._sent, self.waits = at, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0:
            return
        fields = self._answer[:head].lower()
        length = fields.find(b"content-length:")
        size = int(fields[length + 15 :].split(b"\r\n", 1)[0]) if length > 0 else 0
        if len(self._answer) < head + 4 + size:
            return
        self._load.latencies.append(time.perf_counter() - self._sent)
        self._load.failed += self._answer[9:12] != b"202"
        self._answer, self.waits = b"", False
        self._load.freed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._load.failed += self.waits
        self.waits = False


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Send for so many seconds, and wait for the answers."""
    load = Load(read(options.file), options.rate)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(load), options.host, options.port)
        for _ in range(options.connections)
    ]
    if options.rate is None:
        await asyncio.sleep(options.seconds)
    else:
        await load.pace(options.seconds)
    load.over = True
    seconds = time.perf_counter() - started
    for _ in range(300):
        if not any(connection.waits for _, connection in made):
            break
        await asyncio.sleep(0.01)
    found = sorted(load.latencies)
    return {
        "requests": len(found),
        "seconds": seconds,
        "p50": 1000 * found[len(found) // 2],
        "p99": 1000 * found[len(found) * 99 // 100],
        "failed": load.failed + sum(connection.waits for _, connection in made),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=float)
    print(json.dumps(uvloop.run(run(parser.parse_args()))))
