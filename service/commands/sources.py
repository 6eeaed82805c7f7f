"""`unglue sources`: who sends, and a way to see a source move."""

import asyncio
import dataclasses
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import click
import httpx

from adapters.contract import SourceConfig
from adapters.counting import counted
from adapters.errors import ConfigurationError
from adapters.headers import Headers
from adapters.ninjaone.config import NinjaOneConfig
from adapters.registry import VENDORS
from service.demo.key_at import serving_key
from service.doctor.finding import Finding
from service.doctor.psa import findings_of
from service.doctor.registered import compared, removed
from service.terminal import secret_file
from service.terminal.client import ask, service_url, silent
from service.terminal.fixtures import body_of
from service.terminal.options import AS_JSON
from service.terminal.screen import Column, say, show_done, show_found, show_json
from workers.psa.companies import Asked
from workers.settings import load_settings


@click.group(invoke_without_command=True)
@AS_JSON
@click.pass_context
def sources(context: click.Context, *, as_json: bool) -> None:
    """List the sources: last delivery, verdicts, alerts, and who fell silent."""
    if context.invoked_subcommand is not None:
        return
    listed = ask("GET", "/v1/sources")["sources"]
    columns = (
        Column("source", "keep"), Column("last delivery", "keep"), Column("verdicts"),
        Column("alerts"), Column("caught up to", "spare"), Column("vendor", "spare"),
    )  # fmt: skip
    none = "No source is configured; add one to [sources] in unglue.toml."
    show_found(listed, listed, columns, _row, none=none, as_json=as_json)


def _row(source: dict[str, Any]) -> tuple[str, ...]:
    alerts = (
        [f"silent for more than {counted(source['silence_days'], 'days')}"]
        if source["silent"]
        else []
    )
    alerts += [f"{code} {at}" for code, at in source["alerts"].items()]
    verdicts = [f"{count} {verdict}" for verdict, count in source["verdicts"].items()]
    return (
        source["name"],
        source["last_delivery"] or "never",
        ", ".join(verdicts),
        "; ".join(alerts),
        _caught_up(source),
        source["vendor"],
    )


def _caught_up(source: dict[str, Any]) -> str:
    known = source["caught_up"]
    if known is None:
        return ""
    made_up = known["inactive"] + known["active"]
    found = f", {made_up} never came" if made_up else ""
    return f"{known['to']}{found}{': ' + known['fault'] if known['fault'] else ''}"


@sources.command("catch-up")
@click.argument("name")
@AS_JSON
def catch_up(name: str, *, as_json: bool) -> None:
    """Ask the PSA of the source NAME now for what changed and was not sent.

    That is done by itself every hour; what is found shows in: unglue sources, unglue deliveries.
    """
    begun = ask("POST", f"/v1/sources/{quote(name, safe='')}/catch-up")
    words = f"Catching up with {name} since {begun['caught_up']['to']}; see: unglue sources"
    show_done(begun, words, as_json=as_json)


@sources.command()
@click.argument("name")
@click.argument(
    "fixture", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--org-id", help="Instead of FIXTURE: the client's organization.")
@click.option("--org-name", help="Instead of FIXTURE: the name of that organization.")
@click.option(
    "--inactive/--active", default=True, show_default=True, help="What is said of that client."
)
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer as it came.")
def send(
    name: str,
    fixture: Path | None,
    *,
    org_id: str | None,
    org_name: str | None,
    inactive: bool,
    as_json: bool,
) -> None:
    """Post FIXTURE (a file with a body) as the source NAME would: bound to it, new, and signed.

    For a source of vendor standard or cloudevents the client's id and name do instead of a file.

    The secrets come from this machine's configuration. A vendor that keeps its signing key itself
    (ConnectWise) can be played only with a key_origin on a loopback port: the key is served there
    while the delivery is under way.
    """
    config, _ = _configured(name)
    adapter = VENDORS[config.vendor]
    now = datetime.now(UTC)
    event_id = secrets.token_hex(8)
    if fixture is not None and (org_id is not None or org_name is not None):
        raise click.UsageError("give a FIXTURE, or --org-id and --org-name, not both")
    said = (
        fixture.read_bytes()
        if fixture is not None
        else body_of(config.vendor, org_id=org_id, org_name=org_name, inactive=inactive)
    )
    try:
        body = adapter.rehearse(config, said, event_id, now)
    except ValueError as error:
        raise ConfigurationError(
            f"{fixture or 'this'} is no {config.vendor} delivery: {error}"
        ) from None
    key = secrets.token_urlsafe(24)
    headers = {"content-type": "application/json", **adapter.sign(config, body, key, event_id, now)}
    key_url = adapter.key_url(config, Headers.of(headers), body)
    with ExitStack() as stack:
        if key_url is not None:
            stack.enter_context(serving_key(key_url, key))
        url = f"{service_url()}/webhooks/{name}"
        try:
            answer = httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            raise silent(service_url(), error) from None
    taken = answer.status_code == 202
    say(answer.text if as_json or not taken else _taken(answer.json()))
    sys.exit(0 if taken else 1)


def _taken(said: dict[str, Any]) -> str:
    deletion = f": unglue deletions {said['deletion_id']}" if said["deletion_id"] else ""
    return f"{said['delivery_id']} {said['verdict']} ({said['reason']}){deletion}"


@sources.command()
@click.argument("name")
@click.option("--company", help="The id of a company in the PSA that is to be read.")
@AS_JSON
def check(name: str, company: str | None, *, as_json: bool) -> None:
    """Ask the PSA of the source NAME: credentials, statuses, and a company. Changes nothing.

    Exit status: 0 it can be asked, 1 it cannot, 2 there is no such source or it has no credentials.
    """
    config, _ = _configured(name)
    if not config.asks:
        raise ConfigurationError(
            f"source {name!r} is not asked: it has no credentials in [sources.{name}.api], or "
            "ask_source is false"
        )
    if company is not None and not company.isdecimal():
        raise click.UsageError("--company is the number of a company in the PSA")
    findings = asyncio.run(_examined(name, config, company))
    _show(findings, as_json=as_json)
    sys.exit(1 if any(finding.level == "fail" for finding in findings) else 0)


def _show(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        show_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            cure = f"\n     {finding.cure}" if finding.cure else ""
            say(f"{finding.level:<4} {finding.message}{cure}")


async def _examined(name: str, config: SourceConfig, company: str | None) -> list[Finding]:
    async with Asked({name: config}) as asked:
        client = await asked.client(name)
        return [finding async for finding in findings_of(name, config, client, company)]


@sources.command()
@click.argument("name")
@click.option("--check", "only_check", is_flag=True, help="Tell what differs; change nothing.")
@AS_JSON
def register(name: str, *, only_check: bool, as_json: bool) -> None:
    """Have the vendor of the source NAME send here: make its webhook, or put it right.

    ConnectWise's callback, Autotask's webhook with its fields (switched on again, if it was off),
    NinjaOne's webhook with its header. Done twice it changes nothing. What others registered is
    left alone, and nothing is removed; but a NinjaOne API client has only one webhook, which is
    replaced.

    Where UNGLUE_SOURCES__NAME__SECRETS_FILE names a file that is not there, a secret is made, given
    to the vendor and stored in it, readable by its owner alone. It is not shown.

    Exit status: 0 it is as it should be, 1 it is not, 2 there is nothing to register.
    """
    absent = secret_file.missing(name, os.environ)
    if absent is not None and only_check:
        cure = f"unglue sources register {name} makes a secret, gives it to the vendor, stores it"
        _show([Finding("callbacks", "fail", f"{name}: {absent.words}", cure)], as_json=as_json)
        sys.exit(1)
    if absent is not None:
        _register_anew(name, absent, as_json=as_json)
    config, public_url = _configured(name)
    _show_whether_ok(compared(name, config, public_url, repair=not only_check), as_json=as_json)


def _register_anew(name: str, absent: secret_file.Missing, *, as_json: bool) -> NoReturn:
    """Register with a secret of our own making, which is stored once the vendor has it."""
    with secret_file.made(absent) as secret:
        config, public_url = _configured(name, secret.environment(os.environ))
        if isinstance(config, NinjaOneConfig) and config.header == "authorization":
            # There the secret is the header's whole value.
            config, public_url = _configured(name, secret.environment(os.environ, "Bearer "))
        told = compared(name, config, public_url, repair=True, keep=secret.keep)
        _show_whether_ok(told, as_json=as_json)


@sources.command()
@click.argument("name")
@AS_JSON
def unregister(name: str, *, as_json: bool) -> None:
    """Remove at the vendor what sends to the source NAME, and nothing of others.

    NinjaOne does not show whose the one webhook of an API client is; it is removed.

    Exit status: 0 it is gone, 1 it is not known to be, 2 there is nothing to register.
    """
    config, public_url = _configured(name)
    _show_whether_ok(removed(name, config, public_url), as_json=as_json)


def _show_whether_ok(findings: AsyncIterator[Finding], *, as_json: bool) -> NoReturn:
    found = asyncio.run(_all(findings))
    _show(found, as_json=as_json)
    sys.exit(1 if any(finding.level != "ok" for finding in found) else 0)


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def _configured(
    name: str, environment: Mapping[str, str] | None = None
) -> tuple[SourceConfig, str]:
    """The configuration of a source, and the address at which it reaches the service."""
    settings = load_settings(environment)
    config = settings.sources.get(name)
    if config is None:
        raise ConfigurationError(f"there is no source {name!r}; see [sources] in unglue.toml")
    return config, settings.public_url
