"""`unglue links`: the companies of a PSA against the organizations of IT Glue."""

import asyncio
import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence

import click

from adapters.errors import ConfigurationError
from service.commands.sweeps import follow
from service.terminal.client import ServiceClient
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_json, show_list
from workers.bulk.links import STATES, Link, compare, csv_of, to_sweep
from workers.settings import load_settings


@click.command()
@click.argument("source")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
@click.option("--backlog", is_flag=True, help="Only what is inactive in the PSA and in IT Glue.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@AS_JSON
@click.option(
    "--sweep",
    metavar="SCHEDULE",
    help="Sweep for the backlog alone, by the criteria and limits of this schedule.",
)
@click.option("--dry-run", is_flag=True, help="With --sweep: only say what would be requested.")
def links(
    source: str,
    state: str | None,
    sweep: str | None,
    *,
    backlog: bool,
    as_csv: bool,
    as_json: bool,
    dry_run: bool,
) -> None:
    """How the companies in the PSA of SOURCE are found in IT Glue. Reads only, unless it sweeps.

    linked: by one link, and of its name; by_name: no link, and one organization of its name;
    ambiguous: more than one, or linked to one of another name; several_links: its organization is
    linked to others as well; missing: not in IT Glue; unknown_company: a link to a company that the
    PSA does not list.

    The backlog is what is inactive in the PSA and still in IT Glue. --sweep asks for the deletion
    of those of it that are linked, through every gate and limit; the others are for a person.

    Exit status: 0, or that of the sweep; 1 the PSA or IT Glue does not tell.
    """
    settings = load_settings()
    config = settings.sources.get(source)
    if config is None:
        raise ConfigurationError(f"there is no source {source!r}; see [sources] in unglue.toml")
    if not config.asks:
        raise ConfigurationError(
            f"source {source!r} has no credentials in [sources.{source}.api] to ask its PSA with"
        )
    if dry_run and sweep is None:
        raise click.UsageError("--dry-run belongs to --sweep")
    found = asyncio.run(compare(settings, source))
    shown = [
        each
        for each in found
        if (state is None or each.state == state) and (each.backlog or not backlog)
    ]
    if as_json and sweep is None:
        show_json([dataclasses.asdict(each) for each in shown])
    elif as_csv and sweep is None:
        say(csv_of(shown), end="")
    elif sweep is None:
        _show(shown, found)
    else:
        _sweep(found, sweep, dry_run=dry_run, as_json=as_json)


def _show(shown: Sequence[Link], found: Sequence[Link]) -> None:
    columns = (
        Column("company", "keep"), Column("name"), Column("in the PSA", "keep"),
        Column("in IT Glue", "keep"), Column("organization"), Column("status", "spare"),
        Column("why", "spare"),
    )  # fmt: skip
    rows = []
    for each in shown:
        active = {True: "active", False: "inactive", None: ""}[each.active]
        where = f"{each.state}{' (backlog)' if each.backlog else ''}"
        rows.append(
            (each.company_id, each.company_name, active, where, " ".join(each.org_ids),
             each.org_status, each.words)
        )  # fmt: skip
    show_list(columns, rows)
    counts = Counter(each.state for each in found)
    say(", ".join(f"{counts[state]} {state}" for state in STATES), err=True)
    backlog = sum(each.backlog for each in found)
    say(f"{backlog} inactive in the PSA and still in IT Glue", err=True)


def _sweep(found: Sequence[Link], schedule: str, *, dry_run: bool, as_json: bool) -> None:
    only = to_sweep(found)
    left = sum(each.backlog for each in found) - len(only)
    if left:
        say(f"{left} of the backlog are not linked beyond doubt and are left to a person", err=True)
    if not only:
        say("Nothing of the backlog is linked beyond doubt.", err=True)
        return
    with ServiceClient.from_environment() as service:
        order = {"dry_run": dry_run, "only": list(only)}
        sys.exit(follow(service, schedule, order, 300.0, as_json=as_json))
