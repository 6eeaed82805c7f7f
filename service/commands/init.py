"""`unglue init`: five questions, and a configuration to begin with."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import click

from adapters.errors import ConfigurationError, InvalidRequest
from service.access.operators import new_token
from service.commands.operators import NAME
from service.terminal.pilot import REGIONS, REHEARSAL_KEY, VENDORS, Answers, Pilot, Sender, pilot
from service.terminal.screen import say
from workers.settings import load_settings

_SETUP = {
    "connectwise": "a company callback with this URL (level owner, type company)",
    "autotask": "a company webhook with this URL and this secret",
    "ninjaone": "a webhook with this URL and the header Authorization",
    "halopsa": "a webhook with this URL and bearer authentication",
    "standard": "a Standard Webhook to this URL with this signing secret",
}


@click.command()
@click.option("--rehearsal", is_flag=True, help="With the sandbox in place of an IT Glue account.")
@click.option("--region", type=click.Choice(REGIONS), help="Where the IT Glue account is.")
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that holds the IT Glue API key.",
)
@click.option("--vendor", type=click.Choice(VENDORS), help="Who says that a client is inactive.")
@click.option("--host", help="ConnectWise: the host, like na.myconnectwise.net.")
@click.option("--company", help="ConnectWise: the company that you log in with.")
@click.option("--webhook-guid", help="Autotask: the GUID of its webhook.")
@click.option("--callback-url", help='Where results are sent; "" for nowhere.')
@click.option("--operators", help="Who asks and who approves, like alice,carol.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("unglue.toml"),
    show_default=True,
    help="The file to write; never one that is there.",
)
def init(
    *,
    rehearsal: bool,
    region: str | None,
    api_key_file: Path | None,
    output: Path,
    **said: str | None,
) -> None:
    """Ask five things and write the configuration of a pilot, with new secrets.

    The pilot shows what would be deleted and deletes nothing. The file is readable by you alone; a
    file that is there is never overwritten. What the options say is not asked.
    """
    if output.exists():
        raise ConfigurationError(
            f"{output} is there already and was not touched; give another name with --output"
        )
    sender = _sender(said)
    where = "" if rehearsal else region or click.prompt(
        "Region of the IT Glue account", type=click.Choice(REGIONS), default="us", err=True
    )  # fmt: skip
    answers = Answers(
        region=where,
        api_key=REHEARSAL_KEY if rehearsal else _api_key(api_key_file),
        sender=sender,
        callback_url=_or_ask(
            said["callback_url"], "Where results are sent (a URL, empty for nowhere)", ""
        ),
        **_people(_or_ask(said["operators"], "Who asks and who approves", "alice,carol")),
    )
    made = pilot(
        answers,
        new_token=new_token,
        new_secret=lambda: secrets.token_urlsafe(32),
        new_signing_secret=_signing_secret,
    )
    _write(output, made)
    _tell(output, answers, made)


def _sender(said: Mapping[str, str | None]) -> Sender:
    question = "Who says that a client is inactive"
    vendor = said["vendor"] or click.prompt(question, type=click.Choice(VENDORS), err=True)
    connectwise, autotask = vendor == "connectwise", vendor == "autotask"
    return Sender(
        vendor,
        host=_wanted(said["host"], connectwise, "   Host (like na.myconnectwise.net)"),
        company=_wanted(said["company"], connectwise, "   Company that you log in with"),
        webhook_guid=_wanted(said["webhook_guid"], autotask, "   GUID of its webhook"),
    )


def _wanted(given: str | None, asked: bool, question: str) -> str:
    if not asked:
        return ""
    return given if given is not None else str(click.prompt(question, err=True))


def _or_ask(given: str | None, question: str, default: str) -> str:
    if given is not None:
        return given
    return str(click.prompt(question, default=default, show_default=bool(default), err=True))


def _api_key(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return str(click.prompt("IT Glue API key (not shown)", hide_input=True, err=True)).strip()


def _people(named: str) -> dict[str, str]:
    names = [name.strip() for name in named.split(",")]
    if len(names) != 2 or names[0] == names[1] or not all(NAME.fullmatch(each) for each in names):
        raise InvalidRequest(
            "two different names are needed, like alice,carol: who asked may not approve; a name "
            "has 1 to 64 letters, digits, - and _"
        )
    return {"requester": names[0], "approver": names[1]}


def _signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _write(path: Path, made: Pilot) -> None:
    """Have the file whole and readable by its owner alone, or not at all.

    Raises:
        ConfigurationError: it came to be there meanwhile, or an answer cannot stand.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(made.toml)
    try:
        load_settings({"UNGLUE_CONFIG": str(path)})
    except ConfigurationError:
        path.unlink()
        raise


def _tell(path: Path, answers: Answers, made: Pilot) -> None:
    """What is shown once goes to standard error, with what to do next."""
    vendor = answers.sender.vendor
    said = [f"{path} is written: a pilot that deletes nothing. Shown only now:", ""]
    said += [f"  token of {name}: {token}" for name, token in made.tokens.items()]
    said += [f"  secret of {name}: {secret}" for name, secret in made.shared.items()]
    said += ["", f"What sends the events ({vendor}) gets {_SETUP[vendor]}:"]
    said += [f"  PUBLIC_URL/webhooks/{vendor}", "", "Next:"]
    if not answers.region:
        said.append("  unglue sandbox &")
    if path != Path("unglue.toml"):
        said.append(f"  export UNGLUE_CONFIG={path}")
    said += [
        "  unglue up &",
        f"  export UNGLUE_TOKEN=…          # of {answers.requester}",
        "  unglue doctor                  # what is wrong or missing, and what to do",
        "Then: from-pilot-to-live in the documentation (docs/ of the sources)",
    ]
    say("\n".join(said), err=True)
