"""What a process remembers of the ledger, so that it notices another one in its place."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Memory:
    """Which ledger a process works with, "" for none, and the highest mark that it saw there.

    The mark is the number of decisions made (`audit:number`), which only rises; its tip follows
    from what they were, "" if that is not known. `written` is the newest mark that this process saw
    with what it wrote itself, until it is looked for. `trouble` is what keeps this process from
    acting, "ledger_lost" or "clock_off".
    """

    id: str = ""
    mark: int = 0
    tip: str = ""
    written: tuple[int, str] = (0, "")
    trouble: str | None = None

    def remember(self, ledger_id: str, mark: int, tip: str = "") -> None:
        """The ledger is this one, and has come so far."""
        if ledger_id != self.id or mark >= self.mark:
            self.id, self.mark, self.tip = ledger_id, mark, tip

    def become(self, other: "Memory") -> None:
        """Remember what another process does, and nothing else."""
        for each in fields(self):
            setattr(self, each.name, getattr(other, each.name))

    def wrote(self, tip: str) -> None:
        """Something was decided, and lasts; `tip` was the newest then."""
        mark = int(tip.partition(":")[0] or 0)
        self.written = max(self.written, (mark, tip))
