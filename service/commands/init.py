"""`unglue init`: five questions, and a configuration to begin with."""

import base64
import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic import ValidationError

from adapters.errors import ConfigurationError, InvalidRequest, UnglueError
from service.access.operators import new_token
from service.commands.operators import NAME
from service.terminal.pilot import REGIONS, REHEARSAL_KEY, VENDORS, Answers, Pilot, Sender, pilot
from service.terminal.screen import say
from workers.settings import Settings, load_settings
from workers.settings.wrong_input import faults

_SETUP = {
    "connectwise": "a company callback with this URL (level owner, type company)",
    "autotask": "a company webhook with this URL and this secret",
    "ninjaone": "a webhook with this URL and the header Authorization",
    "halopsa": "a webhook with this URL and bearer authentication",
    "standard": "a Standard Webhook to this URL with this signing secret",
}
T = TypeVar("T")
# What is asked of a vendor, each with an answer that can stand.
_QUESTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "connectwise": {
        "host": ("   Host (like na.myconnectwise.net)", "na.myconnectwise.net"),
        "company": ("   Company that you log in with", "Cobalt"),
    },
    "autotask": {
        "webhook_guid": ("   GUID of its webhook", "b2a7a1d8-2a7f-4dd4-9a3b-6a4bd1c0f9d3")
    },
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
        callback_url=_callback(said["callback_url"]),
        **_people(said["operators"]),
    )
    made = _made(answers)
    _write(output, made)
    _tell(output, answers, made)


def _sender(said: Mapping[str, str | None]) -> Sender:
    question = "Who says that a client is inactive"
    vendor = said["vendor"] or click.prompt(question, type=click.Choice(VENDORS), err=True)
    sender = Sender(vendor)
    for name, (question, _) in _QUESTIONS.get(vendor, {}).items():
        given = said[name]
        value = _ask(question, _fits(_sends(sender, name))) if given is None else given
        sender = replace(sender, **{name: value})
    return sender


def _fits(fields: Callable[[str], Mapping[str, Any]]) -> Callable[[str], str]:
    """The answer itself, if these fields can stand with it, with examples for the others.

    Raises:
        ConfigurationError: they cannot.
    """

    def tried(text: str) -> str:
        fitting = Answers("us", "ITG.example", Sender("standard"), "", "alice", "carol")
        try:
            Settings(**tomllib.loads(_made(replace(fitting, **fields(text))).toml))
        except tomllib.TOMLDecodeError:
            raise ConfigurationError("it holds a character that cannot be typed here") from None
        except ValidationError as error:
            raise ConfigurationError("; ".join(faults(error, whole="it"))) from None
        return text

    return tried


def _sends(sender: Sender, name: str) -> Callable[[str], Mapping[str, Any]]:
    """The sender with this answer, and ones that can stand for what is not asked yet."""
    rest = {each: example for each, (_, example) in _QUESTIONS[sender.vendor].items()}
    return lambda text: {"sender": replace(sender, **{**rest, name: text})}


def _callback(given: str | None) -> str:
    if given is not None:
        return given
    fits = _fits(lambda text: {"callback_url": text})
    question = "Where results are sent (a URL, empty for nowhere)"
    return _ask(question, fits, default="", show_default=False)


def _api_key(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    fits = _fits(lambda text: {"api_key": text})
    return _ask("IT Glue API key (not shown)", fits, hide_input=True)


def _people(given: str | None) -> dict[str, str]:
    if given is not None:
        return _two(given)
    return _ask("Who asks and who approves", _two, default="alice,carol")


def _ask(question: str, answered: Callable[[str], T], **how: Any) -> T:  # noqa: ANN401 - click's own
    """Ask until the answer can stand: whoever mistypes the last one need not begin again."""

    def value(text: str) -> T:
        try:
            return answered(text.strip())
        except UnglueError as error:
            if how.get("hide_input"):
                # Of what is hidden click does not say what is wrong.
                say(error.message, err=True)
            raise click.UsageError(error.message) from None

    answer: T = click.prompt(question, value_proc=value, err=True, **how)
    return answer


def _made(answers: Answers) -> Pilot:
    return pilot(
        answers,
        new_token=new_token,
        new_secret=lambda: secrets.token_urlsafe(32),
        new_signing_secret=_signing_secret,
    )


def _two(named: str) -> dict[str, str]:
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(made.toml)
        load_settings({"UNGLUE_CONFIG": str(path)})
    except (ConfigurationError, OSError) as error:
        path.unlink()
        if isinstance(error, OSError):
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
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
