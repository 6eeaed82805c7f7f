"""kill -9 at every line of the journal, of every path that a deletion may take.

A path is first walked without a kill. Wherever that wrote to the journal, one deletion after the
other then loses its worker right before and right after, the scheduler, and the service; and each
must end as the undisturbed one did, with as many accepted DELETEs and one `webhook-id`.
"""

import pytest

from tests.support.plant.crowd import Crowd
from tests.support.plant.matrix import Path, kill_at_every_line

PATHS = (
    Path("delete", "deleted", 1, Crowd(removal_seconds=0.8)),
    Path(
        "export and delete", "deleted", 1, policy='export = true\nexport_dir = "{folder}/exports"'
    ),
    Path(
        "soft delete",
        "soft_deleted",
        0,
        Crowd(status="Active", synced=False),
        'export = false\nmode = "soft_delete"\nsoft_delete_status = "Inactive"',
    ),
    Path("dry run", "previewed", 0, data=(("dry_run", True),)),
)


@pytest.mark.parametrize("path", PATHS, ids=[path.name.replace(" ", "-") for path in PATHS])
def test_killed_at_every_line_of_the_journal(path: Path, request: pytest.FixtureRequest) -> None:
    kill_at_every_line(path, request.node)
