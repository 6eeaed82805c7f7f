"""kill -9 at every line of the journal, of the paths that give people time: approval and grace."""

from contextlib import suppress

import httpx
import pytest

from tests.support.plant.matrix import Path, kill_at_every_line
from tests.support.plant.plant import SOURCE, TOKEN, Plant, client_of
from workers.ledger.store import PREFIX


def somebody_approves(it: Plant, company: int) -> None:
    """A person looks and approves, and does so again if nobody answered."""
    found = it.redis.hget(f"{PREFIX}register:{SOURCE}:{client_of(company)}", "deletion_id")
    assert isinstance(found, bytes)
    url = f"{it.service}/v1/deletions/{found.decode()}"
    operator = {"Authorization": f"Bearer {TOKEN}"}
    with suppress(httpx.TransportError):
        asked = it.http.get(url, headers=operator).json()["approval"]
        if asked is not None:
            it.http.post(f"{url}/approve", json={"digest": asked["digest"]}, headers=operator)


PATHS = (
    Path(
        "approval",
        "deleted",
        1,
        policy='export = false\napproval = "always"',
        at="awaiting_approval",
        helps=somebody_approves,
    ),
    Path("grace", "deleted", 1, policy='export = false\ngrace_period = "2s"'),
)


@pytest.mark.parametrize("path", PATHS, ids=[path.name for path in PATHS])
def test_killed_at_every_line_of_the_journal(path: Path, request: pytest.FixtureRequest) -> None:
    kill_at_every_line(path, request.node)
