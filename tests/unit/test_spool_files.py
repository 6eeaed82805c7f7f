"""The spool's files: whole after a crash, bounded, held by one process, drained in order."""

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import StorageUnavailable
from workers.intake.spool.file import SpoolFile
from workers.intake.spool.frames import Spooled, spans
from workers.intake.spool.spool import Spool

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def delivery(number: int, body: bytes = b"{}", source: str = "cw") -> Spooled:
    at = AT + timedelta(milliseconds=number)
    headers = (("webhook-id", f"msg_{number}"),)
    return Spooled(f"dlv_{number}", source, "connectwise", at, headers, body)


@pytest.fixture
def new_id() -> Callable[[str], str]:
    numbers = count()
    return lambda kind: f"{kind}_{next(numbers)}"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SpoolFile]:
    file = SpoolFile.create(tmp_path, "spl_a")
    yield file
    file.close()


def again(file: SpoolFile) -> SpoolFile:
    """The file as the next process finds it."""
    file.close()
    taken = SpoolFile.take(file.path)
    assert taken is not None
    return taken


def drained(file: SpoolFile) -> list[Spooled | bytes]:
    found = []
    while (first := file.first()) is not None:
        found.append(first)
        file.drop_first()
    return found


BODIES = st.one_of(st.binary(max_size=300), st.just(b"UGS1"), st.just(b"\n\nUGS1\0\0\0\1"))


@given(st.lists(BODIES, max_size=6), st.data())
def test_a_cut_file_keeps_every_whole_delivery(bodies: list[bytes], data: st.DataObject) -> None:
    frames = [delivery(number, body).encode() for number, body in enumerate(bodies)]
    content = b"".join(frames)
    cut = data.draw(st.integers(0, len(content)))
    ends = [sum(map(len, frames[: number + 1])) for number in range(len(frames))]
    found = list(spans(content[:cut]))
    assert [span.end for span in found if span.whole] == [end for end in ends if end <= cut]
    assert all(span.whole for span in found[:-1])


@given(st.lists(BODIES, min_size=2, max_size=6), st.data())
def test_a_damaged_delivery_takes_none_along(bodies: list[bytes], data: st.DataObject) -> None:
    frames = [delivery(number, body).encode() for number, body in enumerate(bodies)]
    victim = data.draw(st.integers(0, len(frames) - 1))
    place = data.draw(st.integers(0, len(frames[victim]) - 1))
    content = bytearray(b"".join(frames))
    offset = sum(map(len, frames[:victim])) + place
    content[offset] ^= 0x41
    found = list(spans(bytes(content)))
    whole = [bytes(content[span.start : span.end]) for span in found if span.whole]
    others = [frame for number, frame in enumerate(frames) if number != victim]
    assert [frame for frame in whole if frame in frames] == others
    # Nothing of the file is unaccounted for.
    assert sum(span.end - span.start for span in found) == len(content)


def test_what_was_appended_is_there_in_order_after_a_crash(file: SpoolFile) -> None:
    sent = [delivery(number, os.urandom(1000)) for number in range(20)]
    for each in sent:
        file.append(each.encode())
    file = again(file)
    assert (file.waiting, file.oldest) == (20, AT)
    assert drained(file) == sent
    assert (file.waiting, file.path.stat().st_size) == (0, 0)


def test_a_torn_end_is_cut_off_and_appending_goes_on(file: SpoolFile) -> None:
    file.append(delivery(1).encode())
    torn = delivery(2, b"x" * 500).encode()[:-1]
    with file.path.open("ab") as raw:
        raw.write(torn)
    file = again(file)
    file.append(delivery(3).encode())
    assert [each.id for each in drained(file) if isinstance(each, Spooled)] == ["dlv_1", "dlv_3"]
    (kept,) = file.path.parent.glob("*.torn")
    assert kept.read_bytes() == torn


@pytest.mark.parametrize("bit", [0, 7])
def test_a_bit_that_flips_in_the_last_delivery_is_damage(tmp_path: Path, bit: int) -> None:
    first, last = delivery(1).encode(), delivery(2).encode()
    for place in range(len(last)):
        damaged = bytearray(last)
        damaged[place] ^= 1 << bit
        path = tmp_path / f"{place}.spool"
        path.write_bytes(first + damaged)
        taken = SpoolFile.take(path)
        assert taken is not None
        assert drained(taken) == [delivery(1), bytes(damaged)]
        taken.close()
    assert not list(tmp_path.glob("*.torn"))


def test_a_failed_append_leaves_nothing(file: SpoolFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.append(delivery(1).encode())
    size = file.path.stat().st_size

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.append(delivery(2).encode())
    monkeypatch.undo()
    assert (file.waiting, file.path.stat().st_size) == (1, size)
    file.append(delivery(3).encode())
    assert [each.id for each in drained(again(file)) if isinstance(each, Spooled)] == [
        "dlv_1",
        "dlv_3",
    ]


def test_only_its_owner_may_read_it_and_one_process_holds_it(file: SpoolFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert SpoolFile.take(file.path) is None
    file.append(delivery(1).encode())
    file.note_known()
    file = again(file)
    assert file.known
    assert SpoolFile.take(file.path) is None


def test_a_file_that_is_removed_while_it_is_taken_is_nobodys(file: SpoolFile) -> None:
    file.close(remove=True)
    assert SpoolFile.take(file.path) is None
    assert list(file.path.parent.iterdir()) == []


async def test_the_spool_is_bounded(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    size = len(delivery(1).encode())
    spool = Spool(tmp_path / "spool", 2 * size, new_id)
    await spool.look_around()
    for number in (1, 2):
        await spool.keep(delivery(number), reactivates=False)
    with pytest.raises(StorageUnavailable, match="full"):
        await spool.keep(delivery(3), reactivates=False)
    assert spool.waiting == 2
    assert await spool.oldest() == delivery(1).received_at


async def test_an_unusable_folder_is_none(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool", 10_000, new_id)
    with pytest.raises(OSError, match="Not a directory"):
        await spool.look_around()
    with pytest.raises(StorageUnavailable, match="nor does the spool"):
        await spool.keep(delivery(1), reactivates=False)


async def test_a_reactivation_may_wait(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    spool = Spool(tmp_path, 10_000, new_id)
    await spool.look_around()
    with pytest.raises(StorageUnavailable, match="never knew"):
        await spool.keep(delivery(1), reactivates=True)
    await spool.note_known()
    await spool.keep(delivery(2), reactivates=True)
    assert spool.waiting == 1


async def test_files_left_are_drained_first(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    first, second = SpoolFile.create(tmp_path, "spl_x"), SpoolFile.create(tmp_path, "spl_y")
    living = SpoolFile.create(tmp_path, "spl_z")
    first.append(delivery(1).encode())
    first.note_known()
    second.append(delivery(2).encode())
    living.append(delivery(9).encode())
    first.close()
    second.close()

    spool = Spool(tmp_path, 10_000, new_id)
    await spool.look_around()
    # It goes on under a name that the ledger may be waiting for.
    assert (spool.id, spool.known, spool.waiting) == ("spl_x", True, 2)
    await spool.keep(delivery(3), reactivates=False)
    got: list[str] = []
    gone: list[str] = []

    async def record(each: Spooled) -> None:
        got.append(each.id)

    async def sign_off(spool_id: str) -> None:
        gone.append(spool_id)

    await spool.drain(record, never_told)
    await spool.release_taken(sign_off)
    assert got == ["dlv_2", "dlv_1", "dlv_3"]
    assert gone == ["spl_y"]
    await spool.close(sign_off)
    assert gone == ["spl_y", "spl_x"]
    assert names(tmp_path) == ["spl_z.spool"]
    living.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def never_told(file: str, each: Spooled | None, why: str) -> None:
    raise AssertionError((file, each, why))


async def test_an_unrecordable_is_set_aside(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    spool = Spool(tmp_path, 10_000, new_id)
    await spool.look_around()
    for number in (1, 2, 3):
        await spool.keep(delivery(number), reactivates=False)
    got: list[str] = []
    told: list[tuple[str, str]] = []

    async def record(each: Spooled) -> None:
        if each.id == "dlv_2":
            raise KeyError("a bug")
        got.append(each.id)

    async def tell(file: str, each: Spooled | None, why: str) -> None:
        assert each is not None
        told.append((file, why))

    assert await spool.drain(record, tell) == 3
    assert got == ["dlv_1", "dlv_3"]
    assert told == [("dlv_2.aside", "KeyError")]
    assert (spool.waiting, spool.aside) == (0, ("cw",))
    aside = tmp_path / "dlv_2.aside"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600

    # The cause is cured, and a person says so by the name.
    aside.rename(tmp_path / "dlv_2.spool")
    await spool.look_around()
    assert (spool.waiting, spool.aside) == (1, ())

    async def cured(each: Spooled) -> None:
        got.append(each.id)

    await spool.drain(cured, never_told)
    assert got == ["dlv_1", "dlv_3", "dlv_2"]


async def test_what_is_damaged_is_set_aside(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    file = SpoolFile.create(tmp_path, "spl_a")
    for number in (1, 2, 3):
        file.append(delivery(number).encode())
    size = len(delivery(1).encode())
    file.close()
    content = bytearray(file.path.read_bytes())
    content[size + 40] ^= 1
    file.path.write_bytes(content)

    spool = Spool(tmp_path, 10_000, new_id)
    await spool.look_around()
    got: list[str] = []
    told: list[str] = []

    async def record(each: Spooled) -> None:
        got.append(each.id)

    async def tell(file: str, each: Spooled | None, why: str) -> None:
        assert (each, why) == (None, "damaged")
        told.append(file)

    await spool.drain(record, tell)
    assert got == ["dlv_1", "dlv_3"]
    assert spool.aside == ("*",)
    assert (tmp_path / told[0]).read_bytes() == bytes(content[size : 2 * size])


async def test_what_is_in_hand_is_older(tmp_path: Path, new_id: Callable[[str], str]) -> None:
    spool = Spool(tmp_path, 10_000, new_id)
    later = AT + timedelta(seconds=5)
    assert spool.as_of(later) == later
    with spool.in_hand(AT):
        assert spool.as_of(later) == AT
    assert spool.as_of(later) == later
