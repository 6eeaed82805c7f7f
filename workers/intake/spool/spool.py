"""The spool of one service process: deliveries on disk, in order, until Redis takes them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from adapters.errors import StorageUnavailable
from workers.intake.spool.file import SUFFIX, SpoolFile, write_whole
from workers.intake.spool.frames import Spooled, content_at
from workers.ledger.installation.condition import condition_of

ASIDE: Final = ".aside"
# Together with the share of Redis less than the 2 s in which a sender hears of a failure.
_DISK_SECONDS: Final = 0.6
# What nobody can read may have been of any source.
ANY_SOURCE: Final = "*"

log = structlog.get_logger()
Result = TypeVar("Result")


class SpoolFull(StorageUnavailable):
    """Redis does not take the delivery, and the spool has no room for it."""


class Spool:
    """Files in one folder, which may be shared: each process appends to its own.

    Files of processes that ended are taken over and drained first. Everything that touches the
    disk is done by one thread, so that nothing is half done when a request gives up.
    """

    def __init__(self, folder: Path, max_bytes: int, new_id: Callable[[str], str]) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._new_id = new_id
        self._own: SpoolFile | None = None
        self._taken: list[SpoolFile] = []
        self._in_hand: dict[object, datetime] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self.known = False
        self.aside: tuple[str, ...] = ()

    # -- how it stands ---------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """The name under which the ledger knows it, `None` before there is a file."""
        return self._own.id if self._own else None

    @property
    def waiting(self) -> int:
        """How many deliveries wait, those of ended processes included."""
        return sum(file.waiting for file in self._files())

    def as_of(self, now: datetime) -> datetime:
        """The moment for which `waiting` counts: what is in hand may yet come to lie here."""
        return min([now, *self._in_hand.values()])

    async def oldest(self) -> datetime | None:
        """When the oldest delivery that waits was received."""
        for file in self._files():
            if file.waiting:
                return await self._do(lambda file=file: file.oldest)  # type: ignore[misc] # bound now
        return None

    def _files(self) -> list[SpoolFile]:
        return [*self._taken, *([self._own] if self._own else [])]

    # -- taking in -------------------------------------------------------------------------------

    @contextmanager
    def in_hand(self, received_at: datetime) -> Iterator[None]:
        """A verified delivery that is not yet anywhere."""
        token = object()
        self._in_hand[token] = received_at
        try:
            yield
        finally:
            del self._in_hand[token]

    async def keep(self, delivery: Spooled, *, reactivates: bool) -> None:
        """Have the delivery on disk. `reactivates`: a client may be active by it.

        Raises StorageUnavailable.
        """
        # In a spool that it never heard of the ledger cannot know that a client came back.
        if reactivates and not self.known:
            raise StorageUnavailable(
                "Redis does not answer and never knew this spool; send the event again"
            )
        try:
            async with asyncio.timeout(_DISK_SECONDS):
                await self._do(partial(self._append, delivery.encode()))
        except OSError as error:
            raise StorageUnavailable(
                f"Redis does not answer, nor does the spool take it ({type(error).__name__}); "
                "send the event again"
            ) from error

    def _append(self, frame: bytes) -> None:
        if sum(file.size for file in self._files()) + len(frame) > self._max_bytes:
            raise SpoolFull("Redis does not answer and the spool is full; send the event again")
        if self._own is None:
            self._open_own()
        if self._own is not None:
            self._own.append(frame)

    # -- the folder ------------------------------------------------------------------------------

    async def look_around(self) -> None:
        """Have a file, take over those of ended processes, see what is aside. Raises OSError."""
        await self._do(self._look_around)

    def _look_around(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours = {file.path for file in self._files()}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path in ours:
                continue
            file = SpoolFile.take(path)
            if file is None:
                continue
            if self._own is None:
                # The ledger may wait for this one, so it goes on under its name.
                self._own, self.known = file, file.known
            else:
                self._taken.append(file)
                log.info("spool_taken_over", spool=file.id, waiting=file.waiting)
        if self._own is None:
            self._open_own()
        found = {_source_of(path) for path in self.folder.glob(f"*{ASIDE}")}
        self.aside = tuple(sorted(found))

    def _open_own(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._own = SpoolFile.create(self.folder, self._new_id("spl"))

    async def note_known(self) -> None:
        """The ledger knows of it for good, so it may take in whatever comes."""
        if self._own is not None and not self.known:
            await self._do(self._own.note_known)
            self.known = True

    # -- handing on ------------------------------------------------------------------------------

    async def drain(
        self,
        record: Callable[[Spooled], Awaitable[None]],
        tell: Callable[[str, Spooled | None, str], Awaitable[None]],
    ) -> int:
        """Hand on what waits, oldest first: how many that were.

        A delivery that cannot be recorded because of itself is set aside, in a file that `tell`
        names; with its name changed to `.spool` it is drained anew. Raises redis.RedisError,
        OSError: the record does not take any more; the rest waits.
        """
        count = 0
        for file in self._files():
            while (first := await self._do(file.first)) is not None:
                if isinstance(first, Spooled):
                    await self._hand_on(first, record, tell)
                else:
                    await self._set_aside(
                        f"{file.id}-{file.waiting}", [first], None, tell, "damaged"
                    )
                await self._do(file.drop_first)
                count += 1
        return count

    async def _hand_on(
        self,
        delivery: Spooled,
        record: Callable[[Spooled], Awaitable[None]],
        tell: Callable[[str, Spooled | None, str], Awaitable[None]],
    ) -> None:
        try:
            await record(delivery)
        except Exception as error:
            if condition_of(error) is not None:
                raise
            why = type(error).__name__
            log.error("spool_set_aside", delivery_id=delivery.id, exc_info=error)
            await self._set_aside(delivery.id, [delivery.encode()], delivery, tell, why)

    async def _set_aside(
        self,
        name: str,
        content: list[bytes],
        delivery: Spooled | None,
        tell: Callable[[str, Spooled | None, str], Awaitable[None]],
        why: str,
    ) -> None:
        path = self.folder / f"{name}{ASIDE}"
        source = delivery.source if delivery else ANY_SOURCE
        self.aside = tuple(sorted({*self.aside, source}))
        await self._do(partial(write_whole, path, content))
        await tell(path.name, delivery, why)

    async def release_taken(self, sign_off: Callable[[str], Awaitable[None]]) -> None:
        """Remove the files of ended processes that are drained; nobody waits for them any more."""
        for file in [file for file in self._taken if not file.waiting]:
            await sign_off(file.id)
            self._taken.remove(file)
            await self._do(partial(file.close, remove=True))

    async def close(self, sign_off: Callable[[str], Awaitable[None]]) -> None:
        """End in order. What waits, or is set aside, is left for the next process of this folder.

        Raises redis.RedisError, OSError: the ledger could not be told, and goes on waiting for it.
        """
        signed_off = False
        try:
            # Who signs off is waited for no more, and neither is what was set aside.
            if self._own is not None and not self.waiting and not self.aside:
                if self.known:
                    await sign_off(self._own.id)
                signed_off = True
        finally:
            for file in self._files():
                with contextlib.suppress(OSError):
                    await self._do(partial(file.close, remove=signed_off and file is self._own))
            self._own, self._taken = None, []
            self._disk.shutdown(wait=False)

    async def _do(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _source_of(path: Path) -> str:
    """The source of a delivery that was set aside."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        content = content_at(path.read_bytes(), 0)
        if content is not None:
            return Spooled.decode(content).source
    return ANY_SOURCE
