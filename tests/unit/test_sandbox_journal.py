"""What the sandbox keeps of what it was asked."""

from service.sandbox.journal import Journal


def test_reads_push_out_no_write() -> None:
    journal = Journal()
    journal.start("DELETE", "/organizations", "", b"{}", "right")
    for _ in range(20_001):
        journal.start("GET", "/organizations", "", b"", "right")

    kept = list(journal.entries)

    assert [each.number for each in kept] == [1, *range(3, 20_003)]
    assert kept[0].method == "DELETE"
