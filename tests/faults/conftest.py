"""The installation that the fault tests injure, and the account of what each fault did."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.failing_valkey import FailingValkey, own_valkey
from tests.support.plant.crowd import Crowd
from tests.support.plant.injected import Injected
from tests.support.plant.plant import Plant, plant

_PARTS: dict[str, Callable[[Plant], object]] = {
    "service": Plant.start_service,
    "scheduler": Plant.start_scheduler,
    "worker": Plant.start_worker,
    "outbox": Plant.start_outbox,
}


@pytest.fixture
def valkey() -> Iterator[FailingValkey]:
    """A server of its own, which every test may injure."""
    with own_valkey(appendfsync="always") as server:
        yield server


@pytest.fixture(scope="session")
def _shared() -> Iterator[Plant]:
    with plant(Crowd(size=150)) as made:
        made.start_all()
        # From now on the Valkey knows every script.
        made.ended(made.send())
        yield made


@pytest.fixture
def here(_shared: Plant) -> Iterator[Plant]:
    """An installation in good health: each part once, IT Glue without faults."""
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


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Injected:
    return Injected(request.node)
