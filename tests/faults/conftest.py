"""The installation that the fault tests injure, and the account of what each fault did."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.support.fault_table import Row
from tests.support.plant.crowd import Crowd
from tests.support.plant.plant import Plant, eventually, plant

_PARTS: dict[str, Callable[[Plant], object]] = {
    "service": Plant.start_service,
    "scheduler": Plant.start_scheduler,
    "worker": Plant.start_worker,
}


@pytest.fixture(scope="session")
def _shared() -> Iterator[Plant]:
    with plant(Crowd(size=150)) as made:
        made.start_all()
        # From now on the Valkey knows every script.
        made.ended(made.send())
        yield made


@pytest.fixture
def here(_shared: Plant) -> Iterator[Plant]:
    """An installation in good health: service, scheduler and one worker, IT Glue without faults."""
    before = dict(_shared.running)
    yield _shared
    _shared.wire.mend()
    active = _shared.http.get(f"{_shared.sandbox}/_sandbox/faults").json()["active"]
    _shared.faults(**dict.fromkeys(active))
    for name, part in list(_shared.running.items()):
        if part is not before.get(name) or part.ended:
            _shared.kill(name)
    for name, start in _PARTS.items():
        if name not in _shared.running:
            start(_shared)


class Injected:
    """Waits for what became of the deletions that a fault struck, and keeps the account.

    Every deletion must have ended as it would have without the fault, with one accepted DELETE, and
    its result must have arrived under one `webhook-id`.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(
        self, it: Plant, window: str, fault: str, deletions: Sequence[str], *, since: float
    ) -> None:
        lost: list[str] = []
        for deletion_id in deletions:
            try:
                assert it.ended(deletion_id).state == "deleted", it.journal(deletion_id)
                eventually(lambda name=deletion_id: it.receiver.ids(name), "the callback arrives")  # type: ignore[misc]
            except AssertionError as error:
                lost.append(f"{deletion_id}: {error}")
        seconds = time.monotonic() - since
        it.quiet()
        accepted = it.deletes()
        doubled = [
            deletion_id
            for deletion_id in deletions
            if accepted.get(it.deletion(deletion_id).intent.org_id, 0) != 1
            or len(set(it.receiver.ids(deletion_id))) != 1
        ]
        row = Row(window, fault, len(deletions), len(lost), len(doubled), seconds)
        row.add_to(self._item)
        assert lost == []
        assert doubled == []


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Injected:
    return Injected(request.node)
