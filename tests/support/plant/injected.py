"""The account of what a fault did."""

import time
from collections.abc import Sequence

import pytest

from tests.support.fault_table import Row
from tests.support.plant.plant import Plant, eventually


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
