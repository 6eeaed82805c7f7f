"""A plan as people like to read it."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workers.pipeline.approval import WORDS

_LABELS = {
    "assets": "flexible assets",
    "configs": "configurations",
    "document_folders": "document folders",
    "sub_organizations": "sub-organizations",
}
_VERDICTS = {
    "refuse": "[red]refuse[/]",
    "forced": "[yellow]forced[/]",
    "ask": "[yellow]asks you[/]",
}


def show_approval(deletion: dict[str, Any], console: Console) -> None:
    """Print who is waited for, what moved since somebody approved, and until when."""
    approval, grace = deletion["approval"], deletion["grace"]
    facts = Table.grid(padding=(0, 2))
    if approval is not None and approval["wanted"]:
        facts.add_row("waits for", "approval by " + (", ".join(deletion["approvers"]) or "nobody"))
        facts.add_row("waits because", WORDS.get(approval["why"], approval["why"]))
        facts.add_row("before", approval["until"])
        for line in approval["moved"]:
            facts.add_row("[yellow]moved[/]", escape(line))
        if approval["needs_force_delete"]:
            facts.add_row("needs", "--force-delete: it still holds records")
    elif approval is not None and approval["by"]:
        facts.add_row("approved by", f"{approval['by']} at {approval['at']}")
    if grace is not None:
        facts.add_row("grace until", grace["until"])
    if facts.row_count:
        console.print(facts)
    if deletion["approval_url"]:
        # On a line of its own, which is never cut: it is copied from here.
        console.print(f"link: {escape(deletion['approval_url'])}", soft_wrap=True)


def show_plan(deletion: dict[str, Any], console: Console) -> None:
    """Print the organization, its contents and every gate's answer, with others' text escaped."""
    plan = deletion["plan"]
    if plan is None:
        why = "; ".join(error["message"] for error in deletion["errors"])
        console.print(escape(f"There is no plan: {why or 'it is ' + deletion['state']}."))
        return
    organization = plan["organization"]
    facts = Table.grid(padding=(0, 2))
    for label, value in (
        ("organization", f"{organization['id']}  {organization['name']}"),
        ("status, type", f"{organization['status']}, {organization['type']}"),
        ("created", organization["created_at"]),
        ("PSA link", ", ".join(organization["psa_ids"] or ()) or "none"),
    ):
        facts.add_row(label, escape(str(value)))
    console.print(facts)

    held = [(kind, count) for kind, count in plan["counts"].items() if count != 0]
    counts = Table.grid(padding=(0, 2))
    for kind, count in held:
        counts.add_row(_LABELS.get(kind, kind), "not countable" if count is None else str(count))
    console.print("What would be lost:" if held else "It holds nothing that would be lost.")
    if held:
        console.print(counts)
    passed = [answer for answer in plan["answers"] if answer["verdict"] == "pass"]
    console.print(f"Gates: {len(passed)} of {len(plan['answers'])} pass")
    for answer in plan["answers"]:
        if answer["verdict"] != "pass":
            line = escape(f"{answer['gate']}: {answer['message']}")
            console.print(f"  {_VERDICTS[answer['verdict']]}  {line}")
