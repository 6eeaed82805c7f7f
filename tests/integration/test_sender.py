"""The sender: many at once, and nobody waits for a host that does not answer."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from tests.support.clock import TestClock
from tests.support.deletions import ended
from tests.support.receiver import NO_CONTENT, Receiver, reply, silent
from workers.ledger.ledger import Ledger
from workers.ledger.records import ErrorEntry
from workers.outbox import sender as sender_module
from workers.outbox.outgoing import Means
from workers.outbox.send import attempt
from workers.outbox.sender import MOST_OF_A_HOST, Sender
from workers.settings import Settings

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
# Closes the connection without a word: the host does not answer.
NOTHING = b""


@dataclass
class Post:
    """Results to send, a sender, and the clock in the test's hand."""

    ledger: Ledger
    clock: TestClock
    sender: Sender
    means: Means
    number: int = 0

    async def result(self, url: str) -> str:
        """A deletion ends, and its result is for this URL: the callback."""
        self.number += 1
        self.clock.forward(milliseconds=1)
        gone = ErrorEntry("OrganizationNotFound", "it is not there", "…")
        now = self.clock()
        await ended(self.ledger, f"del_{self.number}", now, errors=[gone], url=url)
        return f"cb_{self.number}_1"

    async def results(self, url: str, count: int) -> list[str]:
        return [await self.result(url) for _ in range(count)]

    async def round(self) -> int:
        """One round, until all of it was sent."""
        begun = await self.sender.round()
        await self.sender.settled()
        return begun

    async def all_rounds(self) -> int:
        """Rounds until nothing more may be sent now; how many were sent."""
        total = 0
        while begun := await self.round():
            total += begun
        return total

    async def state(self, callback_id: str) -> dict[str, str]:
        return await self.ledger.store.hash("callback", callback_id)

    async def states(self, names: list[str]) -> list[tuple[str, int]]:
        found = [await self.state(name) for name in names]
        return [(each["state"], int(each["attempts"])) for each in found]

    async def lines(self, callback_id: str) -> list[dict[str, Any]]:
        """The journal of the callback's deletion, as far as it is about the callback."""
        deletion_id = "del_" + callback_id.split("_")[1]
        journal = (await self.ledger.views.of(deletion_id)).journal
        return [line for line in journal if line["entry"] == "callback"]

    async def notices(self) -> list[str]:
        names: Any = await self.ledger.store.redis.keys("unglue:notice:ntc_*")
        found = [await self.ledger.store.hash("notice", n.decode().split(":")[-1]) for n in names]
        return sorted(each["kind"] for each in found)


@pytest.fixture
def post(ledger: Ledger, clock: TestClock) -> Post:
    settings = Settings(
        itglue={"api_key": "ITG.test"},
        callback={"secrets": [SECRET], "allow_private_networks": True},
    )
    means = Means(ledger, settings, clock, Random(7), patience=0.3)  # noqa: S311 - jitter
    return Post(ledger, clock, Sender(means), means)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - real connections
            await asyncio.sleep(0)


@dataclass
class Holding:
    """A receiver that answers once it may, and counts who waits."""

    port: int = 0
    may: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.may.wait()
        self.waiting -= 1
        writer.write(NO_CONTENT)
        await writer.drain()
        writer.close()

    async def holds(self, count: int) -> None:
        await until(lambda: self.waiting >= count)


@asynccontextmanager
async def holding() -> AsyncIterator[Holding]:
    held = Holding()
    server = await asyncio.start_server(held.serve, "127.0.0.1", 0)
    held.port = server.sockets[0].getsockname()[1]
    try:
        yield held
    finally:
        held.may.set()
        server.close()
        await server.wait_closed()


# -- many at once --------------------------------------------------------------------------------


async def test_results_and_notices_go_out_at_once(post: Post, receiver: Receiver) -> None:
    names = await post.results(receiver.url, 3)
    assert await post.all_rounds() == 3
    assert await post.states(names) == [("delivered", 1)] * 3
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 3
    assert await post.ledger.notices.due(post.clock()) == []
    assert await post.round() == 0


async def test_a_few_of_a_host_and_many_hosts_at_a_time(post: Post) -> None:
    post.means = replace(post.means, patience=30)
    post.sender = Sender(post.means)
    async with holding() as one, holding() as two:
        for _ in range(6):
            await post.results(one.url, 1)
            await post.results(two.url, 1)
        assert await post.sender.round() == 2 * MOST_OF_A_HOST
        await one.holds(MOST_OF_A_HOST)
        await two.holds(MOST_OF_A_HOST)
        assert await post.sender.round() == 0
        one.may.set()
        two.may.set()
        await post.sender.settled()
        assert await post.all_rounds() == 4
        assert (one.most, two.most) == (MOST_OF_A_HOST, MOST_OF_A_HOST)


async def test_what_waits_for_a_busy_host_hides_nothing(post: Post, receiver: Receiver) -> None:
    """However much it is, and however long it has been due."""
    post.means = replace(post.means, patience=30)
    post.sender = Sender(post.means)
    async with holding() as busy:
        many = await post.results(busy.url, 450)
        other = await post.result(receiver.url)
        rounds = 0
        while not receiver.received:
            await post.sender.round()
            await asyncio.sleep(0)
            rounds += 1
            assert rounds < 500
        await busy.holds(MOST_OF_A_HOST)
        busy.may.set()
        await post.sender.settled()
        assert (await post.state(other))["state"] == "delivered"
        while await post.ledger.store.redis.exists("unglue:callbacks:due"):
            await post.all_rounds()
            post.clock.forward(seconds=1)
        assert set(await post.states(many)) == {("delivered", 1)}


async def test_several_senders_send_each_once(post: Post, receiver: Receiver) -> None:
    await post.results(receiver.url, 12)
    senders = [Sender(post.means) for _ in range(3)]
    for _ in range(4):
        await asyncio.gather(*(each.round() for each in senders))
        await asyncio.gather(*(each.settled() for each in senders))
    assert len(receiver.received) == len({e.headers["webhook-id"] for e in receiver.received}) == 12


# -- a host that does not answer -----------------------------------------------------------------


async def test_a_host_that_hangs_holds_up_nobody_else(post: Post, receiver: Receiver) -> None:
    with silent() as port:
        url = f"http://127.0.0.1:{port}/"
        hanging = await post.results(url, 20)
        other = await post.result(receiver.url)
        assert await post.sender.round() == MOST_OF_A_HOST + 1
        await until(lambda: bool(receiver.received))
        assert await post.states(hanging) == [("pending", 0)] * 20
        await post.sender.settled()
        assert (await post.state(other))["state"] == "delivered"

        assert await post.round() == 0
    tried, waiting = hanging[:MOST_OF_A_HOST], hanging[MOST_OF_A_HOST:]
    assert await post.states(tried) == [("pending", 1)] * 4
    assert await post.states(waiting) == [("pending", 0)] * 16
    assert await post.notices() == ["failed"] * 21 + ["receiver_silent"]
    (line,) = await post.lines(waiting[0])
    host = f"127.0.0.1:{port}"
    assert (line["state"], line["waits_for"]) == ("pending", host)
    assert "does not answer" in line["why"]
    assert set(await post.ledger.hosts.all_silent()) == {host}
    listed, _ = await post.ledger.results.newest(50)
    assert {each.id: each.waits_for for each in listed} == (
        dict.fromkeys(tried, "") | dict.fromkeys(waiting, host) | {other: ""}
    )
    assert all(each.due_at is not None for each in listed if each.id != other)


async def test_one_probe_at_a_time_until_an_answer(post: Post, receiver: Receiver) -> None:
    names = await post.results(receiver.url, 10)
    receiver.answers += [NOTHING] * 4
    assert await post.all_rounds() == 4
    for number, waits in enumerate((30, 60, 120, 300, 300), start=1):
        post.clock.forward(seconds=waits - 1)
        assert await post.all_rounds() == 0
        receiver.answers.append(NOTHING)
        post.clock.forward(seconds=2)
        assert await post.round() == 1
        assert await post.round() == 0
        assert len(receiver.received) == 4 + number
    assert await post.notices() == ["failed"] * 10 + ["receiver_silent"]

    # Whatever it answers, it is there.
    receiver.answers.append(reply(500))
    post.clock.forward(seconds=301)
    assert await post.round() == 1
    assert await post.ledger.hosts.all_silent() == {}
    for _ in range(5):
        post.clock.forward(seconds=3)
        await post.all_rounds()
    done = [state for state, _ in await post.states(names)]
    assert done.count("delivered") >= 6
    post.clock.forward(days=1)
    await post.all_rounds()
    assert {state for state, _ in await post.states(names)} == {"delivered"}
    # Each was tried as often as it was sent, and what only waited used up no attempt.
    assert sum(attempts for _, attempts in await post.states(names)) == len(receiver.received)


async def test_one_failure_alone_opens_nothing(post: Post, receiver: Receiver) -> None:
    for _ in range(5):
        receiver.answers += [NOTHING, reply(503)]
        await post.results(receiver.url, 1)
        await post.round()
        await post.results(receiver.url, 1)
        await post.round()
    assert await post.ledger.hosts.all_silent() == {}


async def test_a_probe_whose_sender_died_is_made_by_another(post: Post, receiver: Receiver) -> None:
    await post.results(receiver.url, 6)
    receiver.answers += [NOTHING] * 4
    await post.all_rounds()
    post.clock.forward(seconds=31)
    host = f"127.0.0.1:{receiver.port}"
    assert (await post.ledger.hosts.ask(host, post.clock())).may == "probe"
    assert (await post.ledger.hosts.ask(host, post.clock())).may == "probed"
    assert await post.round() == 0
    post.clock.forward(seconds=61)
    assert await post.round() == 1
    assert await post.ledger.hosts.all_silent() == {}


async def test_what_waited_too_long_is_given_up_and_told(post: Post) -> None:
    with silent() as port:
        names = await post.results(f"http://127.0.0.1:{port}/", 6)
        await post.all_rounds()
        post.clock.forward(days=7, hours=1)
        await post.round()  # the probe
        await post.all_rounds()
    states = dict(zip(names, await post.states(names), strict=True))
    dead = next(name for name, state in states.items() if state == ("dead", 0))
    assert "has not answered for too long" in (await post.lines(dead))[-1]["why"]
    assert "callback_exhausted" in await post.notices()
    assert dead not in {each.id for each in await post.ledger.callbacks.due(post.clock())}


async def test_a_refused_way_is_no_silent_host(post: Post) -> None:
    settings = Settings(itglue={"api_key": "ITG.test"}, callback={"secrets": [SECRET]})
    post.sender = Sender(replace(post.means, settings=settings))
    names = await post.results("https://127.0.0.1:1/", 5)
    await post.all_rounds()
    assert await post.states(names) == [("pending", 1)] * 5
    assert await post.ledger.hosts.all_silent() == {}


# -- a sender that dies --------------------------------------------------------------------------


async def test_killed_before_its_record_it_is_sent_again(post: Post, receiver: Receiver) -> None:
    name = await post.result(receiver.url)
    held = await post.ledger.callbacks.lease(name, post.clock())
    assert held is not None
    await attempt(held, post.means)
    # Here it dies. Nobody takes it while its lease lasts.
    assert await post.round() == 0
    post.clock.forward(seconds=61)
    assert await post.round() == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert await post.states([name]) == [("delivered", 1)]


async def test_what_ended_its_sender_is_tried_alone(post: Post, receiver: Receiver) -> None:
    """What does so again must not take others with it: those that died with it, and new ones."""
    names = await post.results(receiver.url, 3)
    for name in names:
        assert await post.ledger.callbacks.lease(name, post.clock()) is not None
    post.clock.forward(seconds=61)
    new = await post.result(receiver.url)
    assert await post.sender.round() == 2
    assert await post.sender.round() == 0
    await post.sender.settled()
    assert await post.states([names[0], new]) == [("delivered", 1)] * 2
    assert await post.round() == 1
    assert await post.round() == 1
    assert await post.states(names) == [("delivered", 1)] * 3


async def test_what_is_being_sent_keeps_its_lease(post: Post, receiver: Receiver) -> None:
    name = await post.result(receiver.url)
    held = await post.ledger.callbacks.lease(name, post.clock())
    assert held is not None
    for _ in range(5):
        post.clock.forward(seconds=50)
        await post.ledger.callbacks.renew([held], post.clock())
    assert await post.ledger.callbacks.due(post.clock()) == []
    post.clock.forward(seconds=61)
    # Too late: it may be somebody else's.
    await post.ledger.callbacks.renew([held], post.clock())
    assert [each.suspect for each in await post.ledger.callbacks.due(post.clock())] == [True]


async def test_stopped_it_gives_the_rest_back(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "_LAST_SECONDS", 0.05)
    sender = Sender(replace(post.means, patience=30))
    stop = asyncio.Event()
    async with holding() as slow:
        name = await post.result(slow.url)
        running = asyncio.create_task(sender.run(stop))
        await slow.holds(1)
        stop.set()
        await asyncio.wait_for(running, 10)
    state = await post.state(name)
    assert (state["state"], state["attempts"], state["lease_until"]) == ("pending", "0", "0")
    assert "deaths" not in state
    (due,) = await post.ledger.callbacks.due(post.clock())
    assert (due.id, due.suspect) == (name, False)


async def test_what_was_sent_is_written_down_once_redis_is_back(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_AGAIN_SECONDS", 0.01)
    name = await post.result(receiver.url)
    receiver.answers.append(reply(503))
    away, run = 3, post.ledger.store.run

    async def cut(script: str, *args: Any, **more: Any) -> Any:
        nonlocal away
        if script == "record_callback" and away:
            away -= 1
            if not away:
                # Done, and its answer is lost.
                await run(script, *args, **more)
            raise ConnectionLost
        return await run(script, *args, **more)

    monkeypatch.setattr(post.ledger.store, "run", cut)
    assert await post.round() == 1
    assert (away, await post.states([name])) == (0, [("pending", 1)])
    assert len(await post.lines(name)) == len(receiver.received) == 1


async def test_it_beats(post: Post, redis: Redis) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(post.sender.run(stop))
    try:
        async with asyncio.timeout(10):
            while not await post.ledger.heartbeats.alive("outbox"):  # noqa: ASYNC110 - real time
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await running
    assert await redis.pttl("unglue:heartbeat:outbox") > 20_000


async def test_an_error_of_what_keeps_the_leases_is_not_hidden(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()

    async def broken(*_: object) -> None:
        stop.set()
        raise LookupError("a fault of ours")

    monkeypatch.setattr(post.ledger.callbacks, "renew", broken)
    monkeypatch.setattr(type(post.ledger.callbacks), "lease_seconds", 0.01)
    with pytest.raises(LookupError):
        await post.sender.run(stop)
