"""`unglue audit`: read the audit log, and prove that nobody changed it."""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from adapters.counting import counted
from adapters.errors import ConfigurationError
from service.api.openapi.answers import AuditVerdict
from service.terminal.client import ServiceClient, ask
from service.terminal.options import AS_JSON
from service.terminal.screen import say, show_json
from workers.audit.chain import Head
from workers.audit.keys import Keyring
from workers.audit.verify import Report, Verifier
from workers.settings import load_settings
from workers.times.clock import from_ms, rfc3339

# In 2001; `looked_at` of a sweep is a count.
_FIRST_MS = 10**12
_SHOWN_BY_ITSELF = {
    "seq", "at", "what", "deletion_id", "org_id", "operator", "prev", "key", "hash", "sig",
    "sig_old",
}  # fmt: skip
# The writer follows the chain with the file within seconds.
_LOOKS, _LOOK_SECONDS = 5, 1.0


@click.group()
def audit() -> None:
    """The audit log: every decision, chained and signed."""


@audit.command()
@click.option("--org", "org_id", help="About this organization.")
@click.option("--deletion", "deletion_id", help="About this deletion.")
@click.option("--operator", help="Decided by this operator.")
@click.option("--what", help="This decision, like intent, ended, cancelled.")
@click.option("--since", help="Decided at or after this time (RFC 3339).")
@click.option("--until", help="Decided before this time (RFC 3339).")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="Most entries."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry a line.")
def show(*, limit: int, as_json: bool, **filters: str | None) -> None:
    """Print the newest entries that fit, the newest last."""
    query = {name: value for name, value in filters.items() if value is not None}
    found: list[dict[str, Any]] = []
    more: int | None = None
    with ServiceClient.from_environment() as service:
        while len(found) < limit:
            page = {**query, "limit": min(500, limit - len(found))}
            page |= {"before": more} if more else {}
            answer = service.call("GET", f"/v1/audit?{urlencode(page)}")
            found += answer["entries"]
            more = answer["next_before"]
            if more is None:
                break
    for entry in reversed(found):
        if as_json:
            show_json(entry, indent=None)
        else:
            say(_line(entry))
    if not found:
        say("No entries.", err=True)
    elif more is not None:
        say("There are older ones: raise --limit, or narrow the search.", err=True)


def _line(entry: dict[str, Any]) -> str:
    """One entry in one line. Its text may be other people's, so nothing in it acts."""
    subject = [
        str(entry.get("deletion_id", "")),
        f"org {entry['org_id']}" if "org_id" in entry else "",
        f"by {entry['operator']}" if "operator" in entry else "",
    ]
    rest = [
        f"{name}={rfc3339(from_ms(value)) if _is_time(name, value) else _brief(value)}"
        for name, value in entry.items()
        if name not in _SHOWN_BY_ITSELF
    ]
    at = str(entry.get("at", "?"))[:19].replace("T", " ")
    words = [at, f"#{entry.get('seq', '?')}", f"{entry.get('what', '?'):<13}", *subject, *rest]
    line = "  ".join(word for word in words if word)
    line = "".join(char if char.isprintable() else "�" for char in line)
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = line if len(line) <= width else f"{line[: width - 1]}…"
    return line


def _is_time(name: str, value: object) -> bool:
    """Whether it is a moment as the ledger keeps it, in milliseconds."""
    return name.endswith("_at") and isinstance(value, int) and value > _FIRST_MS


def _brief(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return ",".join(str(each) for each in value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 100 else f"{text[:99]}…"


@audit.command()
@click.argument(
    "files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
)
@click.option("--expect-head", metavar="SEQ:HASH", help="An entry that must be there.")
@click.option("--online", is_flag=True, help="With FILES: the head in Redis must be in them.")
@click.option(
    "--continues", metavar="SEQ:HASH", help="The entry before the first one that is looked at."
)
@click.option(
    "--keys-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="secret_keys, one a line, newest first; default: those of unglue.toml.",
)
@AS_JSON
def verify(
    files: tuple[Path, ...],
    *,
    expect_head: str | None,
    online: bool,
    continues: str | None,
    keys_file: Path | None,
    as_json: bool,
) -> None:
    """Find the first broken, missing or reordered entry.

    FILES are read offline, oldest first. Without FILES the chain in Redis is verified by the
    service.

    Exit status: 0 whole, 1 not, 2 usage.
    """
    if not files:
        if online or continues or keys_file:
            raise click.UsageError("--online, --continues and --keys-file belong to FILES")
        query = f"?{urlencode({'expect_head': expect_head})}" if expect_head else ""
        with ServiceClient.from_environment() as service:
            _conclude(service.call("GET", f"/v1/audit/verify{query}"), as_json=as_json)
        return
    if online and expect_head:
        raise click.UsageError("--online and --expect-head exclude each other")
    keys = _keys(keys_file)
    before = _head("--continues", continues)
    expected = _head_of_service() if online else _head("--expect-head", expect_head)
    report = _verified(files, keys, before, expected)
    for _ in range(_LOOKS if online else 0):
        behind = report.head is None or expected is None or report.head.seq < expected.seq
        if report.fault is None or not behind:
            break
        time.sleep(_LOOK_SECONDS)
        report = _verified(files, keys, before, expected)
    fault = str(report.fault) if report.fault else None
    found = AuditVerdict.about(report, whole=fault is None, fault=fault)
    _conclude(found.plain(), as_json=as_json)


def _head(option: str, text: str | None) -> Head | None:
    try:
        return Head.parse(text) if text is not None else None
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _keys(path: Path | None) -> Keyring:
    """The keys.

    Raises:
        ConfigurationError: there are no settings to take them from.
    """
    if path is not None:
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        return Keyring.of([line for line in lines if line])
    try:
        return Keyring.of(load_settings().secret_keys)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.message}\n(or give --keys-file)") from None


def _head_of_service() -> Head | None:
    head = ask("GET", "/v1/audit?limit=1")["head"]
    return Head(head["seq"], head["hash"]) if head else None


def _verified(
    files: Sequence[Path], keys: Keyring, before: Head | None, expected: Head | None
) -> Report:
    verifier = Verifier(keys, before=before, expected=expected)
    for path in files:
        for number, line in enumerate(_lines(path), 1):
            if not verifier.take(line, file=str(path), line=number):
                return verifier.report()
    return verifier.report()


def _lines(path: Path) -> Iterator[bytes]:
    """The lines without their ends. One that has no end was cut off, and no entry is that."""
    with path.open("rb") as file:
        for line in file:
            yield line[:-1] if line.endswith(b"\n") else line + b"\n"


def _conclude(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        head = found["head"]
        for note in found["notes"]:
            say(f"! {note}", err=True)
        if found["whole"]:
            place = f", {found['first']} to {head['seq']}; head " if head else ""
            end = f"{head['seq']}:{head['hash']}" if head else ""
            say(f"valid: {counted(found['entries'], 'entries')}{place}{end}")
        else:
            say(f"INVALID: {found['fault']}")
            many = counted(found["entries"], "entries before it are", "entry before it is")
            say(f"({many} valid)", err=True)
    sys.exit(0 if found["whole"] else 1)
