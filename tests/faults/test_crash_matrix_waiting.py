"""kill -9 at every line of the journal, of the paths on which a deletion waits or is refused."""

import pytest

from tests.support.plant.crowd import Crowd, org_of
from tests.support.plant.matrix import Path, kill_at_every_line
from tests.support.plant.plant import Plant


def becomes_inactive(it: Plant, company: int) -> None:
    """The PSA's sync reaches IT Glue after the webhook has reached us."""
    url = f"{it.sandbox}/_sandbox/organizations/{org_of(company)}"
    it.http.post(url, json={"status": "Inactive"}).raise_for_status()


PATHS = (
    Path(
        "awaits eligibility",
        "deleted",
        1,
        Crowd(status="Active"),
        'export = false\neligibility_window = "48s"',
        at="awaiting_eligibility",
        helps=becomes_inactive,
    ),
    Path("retries", "deleted", 1, Crowd(stumbles=True)),
    Path("unanswered", "deleted", 1, Crowd(faults=("drop-after",))),
    Path(
        "refused",
        "blocked",
        0,
        Crowd(faults=("refuse-synced",)),
        # What nobody heard refused is looked after for this long.
        'export = false\neligibility_window = "0s"\nverify_window = "15s"',
        unanswered="DeletionUnverified",
    ),
)


@pytest.mark.parametrize("path", PATHS, ids=[path.name.replace(" ", "-") for path in PATHS])
def test_killed_at_every_line_of_the_journal(path: Path, request: pytest.FixtureRequest) -> None:
    kill_at_every_line(path, request.node)
