"""`unglue.toml` and the environment above it."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import ConfigurationError
from workers.itglue.models import KINDS
from workers.settings import Settings, load_settings

SECRET = "whsec_" + b64encode(b"0123456789abcdef0123456789abcdef").decode()
SENDERS = "whsec_" + b64encode(b"another s3cret of 32 bytes, okay").decode()
HASH = "0" * 64
LONG = "from the environment, as long as one must be"
FILE = f"""
redis_url = "redis://:redis-s3cret@localhost:6379/0"
secret_keys = ["key-s3cret, and as long as one must be"]
[itglue]
region = "eu"
api_key = "ITG.s3cret"
[callback]
url = "https://rewst.example.com/hook"
secrets = ["{SECRET}"]
[policy]
mode = "preview"
only_ids = ["1", "2"]
grace_period = "1h"
export_zip_password = "zip-s3cret-of-some-length"
[operators.alice]
token_sha256 = "{HASH}"
roles = ["request"]
[sources.cw]
vendor = "connectwise"
host = "na.myconnectwise.net"
company = "Cobalt"
inactive_statuses = ["Inactive", 12]
[sources.rewst]
vendor = "standard"
secrets = ["{SENDERS}"]
[sources.ninja]
vendor = "ninjaone"
header = "authorization"
secrets = ["Bearer ninja-s3cret-of-some-length"]
"""

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings from this text as the file, and these variables; with an API key unless given."""

    def from_text(text: str = "", **variables: str) -> Settings:
        path = tmp_path / "unglue.toml"
        path.write_text(text)
        given = "api_key" in text or any("API_KEY" in name for name in variables)
        key = {} if given else {"UNGLUE_ITGLUE__API_KEY": "ITG.s3cret"}
        return load_settings({"UNGLUE_CONFIG": str(path), **key, **variables})

    return from_text


def refused(load: Load, text: str = "", **variables: str) -> str:
    """The message of the refusal, which holds no secret and nothing of a library's."""
    with pytest.raises(ConfigurationError) as error:
        load(text, **variables)
    message = error.value.message
    for unwanted in ("s3cret", "Value error", "Input should", "pydantic", "input_value", SECRET):
        assert unwanted not in message
    assert error.value.__context__ is None or error.value.__suppress_context__
    return message


def test_the_file(load: Load) -> None:
    settings = load(FILE)
    assert settings.itglue.base_url == "https://api.eu.itglue.com/"
    assert settings.policy.only_ids == ("1", "2")
    assert settings.policy.grace_period == timedelta(hours=1)
    assert settings.policy.resend_after == timedelta(minutes=10)
    source = settings.sources["cw"]
    assert isinstance(source, ConnectWiseConfig)
    assert source.inactive_statuses == ("Inactive", 12)
    assert source.key_origin == "https://na.myconnectwise.net"


def test_the_defaults_are_the_cautious_ones(load: Load) -> None:
    settings = load()
    policy = settings.policy
    assert (policy.approval, policy.export, policy.max_deletions_per_day) == ("webhooks", True, 10)
    assert policy.eligible_statuses == ("Inactive",)
    assert policy.blocking_tags == ("#keep", "#legal-hold")
    assert policy.dependency_limits == dict.fromkeys(KINDS, 0)
    assert next(iter(policy.dependency_limits)) == "passwords"
    assert policy.grace_period is None
    assert settings.callback.allow_private_networks is False
    assert (settings.sources, settings.operators) == ({}, {})


@pytest.mark.parametrize(
    ("variables", "look", "expected"),
    [
        ({"UNGLUE_POLICY__MODE": "delete"}, lambda it: it.policy.mode, "delete"),
        ({"unglue_policy__mode": "delete"}, lambda it: it.policy.mode, "delete"),
        ({"UNGLUE_POLICY__ONLY_IDS": '["3"]'}, lambda it: it.policy.only_ids, ("3",)),
        ({"UNGLUE_POLICY__ONLY_IDS": "[]"}, lambda it: it.policy.only_ids, ()),
        ({"UNGLUE_POLICY": '{"mode": "delete"}'}, lambda it: it.policy.mode, "delete"),
        (
            {"UNGLUE_POLICY": '{"mode": "delete"}', "UNGLUE_POLICY__MODE": "soft_delete"},
            lambda it: it.policy.mode,
            "soft_delete",
        ),
        ({"UNGLUE_POLICY__GRACE_PERIOD": "2h"}, lambda it: it.policy.grace_period.seconds, 7200),
        (
            {"UNGLUE_POLICY__DEPENDENCY_LIMITS__ASSETS": "7"},
            lambda it: it.policy.dependency_limits["assets"],
            7,
        ),
        (
            {"UNGLUE_POLICY__DEPENDENCY_LIMITS__CONTACTS": "unlimited"},
            lambda it: it.policy.dependency_limits["contacts"],
            None,
        ),
        (
            {"UNGLUE_SOURCES__CW__CONFIRM_DELETE": "true"},
            lambda it: it.sources["cw"].confirm_delete,
            True,
        ),
        (
            {"UNGLUE_SOURCES__CW__INACTIVE_STATUSES": '["Gone", 9]'},
            lambda it: it.sources["cw"].inactive_statuses,
            ("Gone", 9),
        ),
        (
            {"UNGLUE_OPERATORS__BOB__TOKEN_SHA256": "1" * 64},
            lambda it: sorted(it.operators),
            ["alice", "bob"],
        ),
        ({"UNGLUE_SECRET_KEYS": f'["{LONG}"]'}, lambda it: it.secret_keys, (LONG,)),
        ({"UNGLUE_REDIS_URL": "unix:///x"}, lambda it: it.redis_url, "unix:///x"),
    ],
)
def test_the_environment_is_above_the_file(
    load: Load, variables: dict[str, str], look: Callable[[Settings], object], expected: object
) -> None:
    assert look(load(FILE)) != expected
    assert look(load(FILE, **variables)) == expected


def test_a_kind_that_is_left_out_keeps_its_limit(load: Load) -> None:
    policy = load("[policy]\ndependency_limits = {assets = 5, domains = 'unlimited'}").policy
    expected = {**dict.fromkeys(KINDS, 0), "assets": 5, "domains": None}
    assert policy.dependency_limits == expected
    assert policy.model_dump()["dependency_limits"]["domains"] == "unlimited"


def test_a_limit_that_a_template_left_empty_is_not_unlimited(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="passwords: must be a number"):
        load(FILE, UNGLUE_POLICY__DEPENDENCY_LIMITS='{"passwords": null}')


def test_a_table_in_the_environment_replaces_only_what_it_names(load: Load) -> None:
    settings = load(FILE, UNGLUE_POLICY='{"mode": "delete"}', UNGLUE_SOURCES__CW__COMPANY="Nickel")
    assert (settings.policy.mode, settings.policy.only_ids) == ("delete", ("1", "2"))
    source = settings.sources["cw"]
    assert isinstance(source, ConnectWiseConfig)
    assert (source.company, source.host) == ("Nickel", "na.myconnectwise.net")


@pytest.mark.parametrize(
    "name",
    [
        "UNGLUE_TOKEN",
        "UNGLUE_URL",
        "UNGLUE_SERVICE_HOST",
        "UNGLUE_SERVICE_PORT",
        "UNGLUE_SERVICE_PORT_HTTP",
        "UNGLUE_PORT",
        "UNGLUE_PORT_8000_TCP",
        "UNGLUE_PORT_8000_TCP_ADDR",
        "UNGLUE_REDIS_SERVICE_HOST",
        "UNGLUE_REDIS_PORT_6379_TCP_PROTO",
        "UNGLUED",
    ],
)
def test_variables_beside_the_settings(load: Load, name: str) -> None:
    """What the command line needs, and what Kubernetes says of services called `unglue…`."""
    assert load(FILE, **{name: "tcp://10.0.0.1:8000"}) == load(FILE)


def test_a_value_may_stand_in_a_file_of_its_own(load: Load, tmp_path: Path) -> None:
    key, secrets = tmp_path / "key", tmp_path / "secrets"
    key.write_text("ITG.mounted\n")
    secrets.write_text(f'["{SECRET}"]\n')
    senders = tmp_path / "senders"
    senders.write_text(f'["{SENDERS}"]\n')
    settings = load(
        FILE.replace('api_key = "ITG.s3cret"', "timeout_seconds = 20"),
        UNGLUE_ITGLUE__API_KEY_FILE=str(key),
        UNGLUE_CALLBACK__SECRETS_FILE=str(secrets),
        UNGLUE_SOURCES__REWST__SECRETS_FILE=str(senders),
    )
    assert settings.itglue.api_key == "ITG.mounted"
    assert settings.callback.secrets == (SECRET,)


def test_the_file_is_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="itglue: is required"):
        load_settings({})
    (tmp_path / "unglue.toml").write_text('[itglue]\napi_key = "ITG.here"\n')
    assert load_settings({}).itglue.api_key == "ITG.here"


def test_region_and_base_url(load: Load) -> None:
    assert load().itglue.base_url == "https://api.itglue.com"
    assert load(UNGLUE_ITGLUE__REGION="au").itglue.base_url == "https://api.au.itglue.com/"
    both = {"UNGLUE_ITGLUE__REGION": "au", "UNGLUE_ITGLUE__BASE_URL": "http://127.0.0.1:9100"}
    assert load(**both).itglue.base_url == "http://127.0.0.1:9100/"


UNIT = 'must be a number with a unit, like "30s", "10m", "6h" or "7d"'
SOURCE = '[sources.cw]\nvendor = "connectwise"\n'

REFUSED_FILES = {
    "an unknown key": ("polcy = 1", "polcy: there is no such name here"),
    "an unknown table": ("[polcy]\nmode = 'preview'", "polcy: there is no such name here"),
    "an unknown key in a table": ("[policy]\nmoed = 1", "policy.moed: there is no such name here"),
    "an unknown source key": (
        SOURCE + "host = 'h.example'\ncompany = 'C'\nconfirm = true",
        "sources.cw.confirm: there is no such name here",
    ),
    "a missing source key": (SOURCE + "host = 'h.example'", "sources.cw.company: is required"),
    "a wrong vendor": ("[sources.x]\nvendor = 's3cret'", "sources.x: vendor must be one of: "),
    "no vendor": ("[sources.x]\nhost = 'h'", "sources.x: vendor must be one of: "),
    "a source that is none": ("[sources]\nx = 's3cret'", "sources.x: must be "),
    "a source's name": (
        SOURCE.replace("cw", '"c w"') + "host = 'h.example'\ncompany = 'C'",
        "sources: 'c w': a name has only letters, digits, - and _",
    ),
    "a plain key server": (
        SOURCE + "host = 'h.example'\ncompany = 'C'\nkey_origin = 'http://h.example'",
        "sources.cw.key_origin: must be https",
    ),
    "a duration without a unit": ("[policy]\ngrace_period = '10'", f"policy.grace_period: {UNIT}"),
    "a duration that is a number": (
        "[policy]\ngrace_period = 10",
        'policy.grace_period: must be a text with a unit, like "30s"',
    ),
    "an endless duration": ("[policy]\ngrace_period = '9999999999d'", "grace_period: is too long"),
    "a lease of nothing": ("[worker]\nlease = '0s'", 'worker.lease: must be longer than "0s"'),
    "a key of before": ("[worker]\nbeat = '3s'", "it follows from worker.lease now; take it out"),
    "an interval of nothing": ("[worker]\nscheduler_interval = '0s'", "worker.scheduler_interval"),
    "a hasty resend": (
        "[policy]\nresend_after = '43s'",
        "policy.resend_after must be longer than itglue.timeout_seconds and worker.lease together",
    ),
    "a hasty resend with a long lease": ("[worker]\nlease = '10m'", "policy.resend_after"),
    "a callback without secrets": (
        "[callback]\nurl = 'https://x.example/'",
        "callback: secrets is required with url",
    ),
    "a callback without TLS": (
        f"[callback]\nurl = 'http://x.example/'\nsecrets = ['{SECRET}']",
        "callback: url: it must be https",
    ),
    "a callback with a password": (
        f"[callback]\nurl = 'https://u:s3cret@x.example/'\nsecrets = ['{SECRET}']",
        "callback: url: it must not carry a user name or a password",
    ),
    "a callback elsewhere": (
        f"[callback]\nurl = 'https://x.example/'\nsecrets = ['{SECRET}']\nallowed_hosts = ['y']",
        "callback: url: the host 'x.example' is not one of the allowed hosts",
    ),
    "a callback that is no URL": (
        "[callback]\nurl = 's3cret'",
        "callback.url: must be a valid URL",
    ),
    "a secret without prefix": (
        f"[callback]\nsecrets = ['{SECRET.removeprefix('whsec_')}']",
        "callback.secrets.0: must be whsec_ followed by the base64 of 24 to 64 bytes",
    ),
    "a secret too short": ("[callback]\nsecrets = ['whsec_c2VjcmV0']", "callback.secrets.0: must"),
    "a secret that is not base64": (
        "[callback]\nsecrets = ['whsec_s3cret!']",
        "callback.secrets.0",
    ),
    "a second secret": (
        f"[callback]\nsecrets = ['{SECRET}', 's3cret']",
        "callback.secrets.1: must be whsec_",
    ),
    "a secret that is no list": (
        "[callback]\nsecrets = 's3cret'",
        "callback.secrets: must be a list",
    ),
    "an id that is a number": ("[policy]\nonly_ids = [1]", "policy.only_ids.0: must be a text"),
    "an id that is none": (
        "[policy]\nprotected_ids = ['x']",
        "policy.protected_ids.0: must be an IT Glue organization id",
    ),
    "a tag that is none": ("[policy]\nblocking_tags = ['keep']", "'keep' must be a #word"),
    "a cron line": ("[schedules.m]\ncron = '0 3 1 *'", "schedules.m.cron: must have 5 fields"),
    "a date that never comes": (
        "[schedules.m]\ncron = '0 3 31 2 *'",
        "schedules.m.cron: is not a cron line",
    ),
    "a time zone": (
        "[schedules.m]\ncron = '0 3 1 * *'\ntimezone = 'Berlin'",
        "schedules.m.timezone: must be a name of the time zone database",
    ),
    "a schedule that the policy forbids": (
        "[schedules.m]\ncron = '0 3 1 * *'\nstatuses = ['Active']",
        "schedules.m: statuses: none of them is in policy.eligible_statuses",
    ),
    "a schedule for everybody": (
        "[policy]\neligible_statuses = []\n[schedules.m]\ncron = '0 3 1 * *'",
        "schedules.m: it has no criterion, and neither has the policy",
    ),
    "a summary that cannot be signed": (
        "[schedules.m]\ncron = '0 3 1 * *'\ncallback_url = 'https://example.com/x'",
        "schedules.m.callback_url: secrets is required with url",
    ),
    "a schedule's share": ("[schedules.m]\ncron = '0 3 1 * *'\nmax_share = 20", "max_share"),
    "a limit below zero": (
        "[policy]\ndependency_limits = {assets = -1}",
        "dependency_limits.assets",
    ),
    "a limit that is yes": (
        "[policy]\ndependency_limits = {passwords = true}",
        'dependency_limits.passwords: must be a number, or "unlimited"',
    ),
    "a limit in words": (
        "[policy]\ndependency_limits = {assets = 'many'}",
        "dependency_limits.assets",
    ),
    "no deletion a day": ("[policy]\nmax_deletions_per_day = 0", "policy.max_deletions_per_day"),
    "no deletion an hour": (
        "[policy]\nmax_deletions_per_hour = 0",
        "policy.max_deletions_per_hour",
    ),
    "no deletion by API": ("[policy]\nmax_api_deletions_per_day = 0", "max_api_deletions_per_day"),
    "more than all": ("[policy]\nmax_share_of_organizations = 2", "max_share_of_organizations"),
    "a mode": ("[policy]\nmode = 'purge'", "policy.mode: must be 'preview', 'soft_delete' or 'del"),
    "an approval": (
        "[policy]\napproval = 'maybe'",
        "policy.approval: must be 'always', 'webhooks'",
    ),
    "a boolean": ("[policy]\nexport = 'perhaps'", "policy.export: must be true or false"),
    "a region": ("[itglue]\nregion = 'mars'\napi_key = 's3cret'", "itglue.region: must be 'us'"),
    "an empty key": ("[itglue]\napi_key = ''", "itglue.api_key: must not be empty"),
    "a token instead of its hash": (
        "[operators.a]\ntoken_sha256 = 's3cret'",
        "operators.a.token_sha256: must be the SHA-256 of the token",
    ),
    "a role": (
        f"[operators.a]\ntoken_sha256 = '{HASH}'\nroles = ['boss']",
        "operators.a.roles.0: must be 'request', 'approve' or 'admin'",
    ),
    "a source like the API": (
        f"[sources.api]\nvendor = 'standard'\nsecrets = ['{SECRET}']",
        "sources: 'api' is what operators ask for; choose another name",
    ),
    "one token for two": (
        f"[operators.a]\ntoken_sha256 = '{HASH}'\n[operators.b]\ntoken_sha256 = '{HASH}'",
        "operators: a and b have the same token",
    ),
    "one operator in two cases": (
        f"[operators.a]\ntoken_sha256 = '{HASH}'\n[operators.A]\nsign_on = 'a@x'",
        "operators: a and A have the same name but for its case",
    ),
    "one person in two cases": (
        "[operators.a]\nsign_on = 'a@x'\n[operators.b]\nsign_on = 'A@x'",
        "operators: a and b have the same sign_on",
    ),
    "a Redis without a scheme": ("redis_url = 's3cret@localhost:6379'", "redis_url: must be a URL"),
    "a Redis with a port": ("redis_url = 'redis://:s3cret#x@h:1/0'", "redis_url: must be a URL"),
    "a Sentinel": ("redis_url = 'redis+sentinel://h/0'", "redis_url: must be a URL that begins"),
    "no TOML": ("itglue = ", "unglue.toml is not TOML: "),
    "a key twice": ("[policy]\nmode = 'delete'\nmode = 'preview'", "unglue.toml is not TOML: "),
}


@pytest.mark.parametrize(("text", "said"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_a_wrong_file_is_refused_by_name(load: Load, text: str, said: str) -> None:
    assert said in refused(load, text)


def test_every_fault_is_named(load: Load) -> None:
    message = refused(load, "[policy]\nmode = 'x'\nmoed = 1\n[worker]\nlease = 5")
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "policy.mode",
        "policy.moed",
        "worker.lease",
    ]


REFUSED_VARIABLES = {
    "one underscore": (
        {"UNGLUE_POLICY_MODE": "preview"},
        "UNGLUE_POLICY_MODE: there is no such setting; did you mean UNGLUE_POLICY__MODE",
    ),
    "a misspelt table": ({"UNGLUE_POLCY__MODE": "preview"}, "UNGLUE_POLCY__MODE: there is no such"),
    "a misspelt key": ({"UNGLUE_POLICY__MOED": "preview"}, "policy.moed: there is no such name"),
    "lower case": ({"unglue_polcy__mode": "x"}, "UNGLUE_POLCY__MODE: there is no such setting"),
    "a misspelt file": ({"UNGLUE_API_KEY_FILE": "/x"}, "UNGLUE_API_KEY_FILE: there is no such"),
    "a list that is none": (
        {"UNGLUE_CALLBACK__SECRETS": "whsec_s3cret"},
        'callback.secrets: must be a list, like ["first", "second"]',
    ),
    "a list at the top": ({"UNGLUE_SECRET_KEYS": "s3cret"}, "secret_keys: must be a list"),
    "half a list": ({"UNGLUE_SECRET_KEYS": '["s3cret"'}, "secret_keys: must be a list"),
    "a table that is none": ({"UNGLUE_POLICY": "s3cret"}, "policy: must be a table of names"),
    "an empty value": ({"UNGLUE_POLICY__MODE": ""}, "policy.mode: must be 'preview'"),
    "no such file": (
        {"UNGLUE_SECRET_KEYS_FILE": "/s3cret"},
        "UNGLUE_SECRET_KEYS_FILE names a file that cannot be read: No such file or directory",
    ),
    "a directory": (
        {"UNGLUE_SECRET_KEYS_FILE": "/"},
        "UNGLUE_SECRET_KEYS_FILE names a file that cannot be read",
    ),
    "both": (
        {"UNGLUE_ITGLUE__API_KEY": "s3cret", "UNGLUE_ITGLUE__API_KEY_FILE": "/x"},
        "UNGLUE_ITGLUE__API_KEY and UNGLUE_ITGLUE__API_KEY_FILE are both set",
    ),
    "no configuration": ({"UNGLUE_CONFIG": "/nowhere.toml"}, "UNGLUE_CONFIG names /nowhere.toml"),
}


@pytest.mark.parametrize(("variables", "said"), REFUSED_VARIABLES.values(), ids=REFUSED_VARIABLES)
def test_a_wrong_variable_is_named(load: Load, variables: dict[str, str], said: str) -> None:
    assert said in refused(load, **variables)


def test_the_shortest_resend_that_is_safe(load: Load) -> None:
    assert load("[policy]\nresend_after = '45s'").policy.resend_after == timedelta(seconds=45)
    quick = "[policy]\nresend_after = '6s'\n[worker]\nlease = '3s'\n"
    assert load(quick, UNGLUE_ITGLUE__TIMEOUT_SECONDS="2").worker.lease == timedelta(seconds=3)


def test_secrets_are_not_shown(load: Load) -> None:
    settings = load(FILE)
    shown = repr(settings) + str(settings)
    assert "na.myconnectwise.net" in shown
    for secret in ("s3cret", SECRET, SECRET.removeprefix("whsec_"), HASH):
        assert secret not in shown


def test_hosts_are_compared_in_lower_case(load: Load) -> None:
    hosts = FILE.replace("[policy]", 'allowed_hosts = ["Rewst.Example.com"]\n[policy]')
    assert load(hosts).callback.allowed_hosts == ("rewst.example.com",)


def notified(**target: object) -> Settings:
    return Settings(itglue={"api_key": "x"}, notifications={"ops": target})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"url": "http://chat.example/hook"}, "must be https"),
        ({"url": "https://10.0.0.1/hook"}, "not a public address"),
        ({"url": "https://user:pass@chat.example/"}, "must not carry a user name"),
        ({"format": "email"}, "'slack', 'teams' or 'json'"),
        ({"kinds": ["faild"]}, "failed"),
        ({"secrets": ["whsec_" + "A" * 43 + "="]}, 'only format = "json" is signed'),
        ({"url": None}, "url"),
    ],
)
def test_a_target_of_notifications_is_checked(changes: dict[str, object], fault: str) -> None:
    good: dict[str, object] = {"url": "https://hooks.chat.example/s3cr3t", "format": "slack"}
    assert "s3cr3t" not in repr(notified(**good))
    with pytest.raises(ValidationError) as refused:
        notified(**{**good, **changes})
    assert fault in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_the_address_of_a_target_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("https://hooks.chat.example/s3cr3t\n")
    settings = load_settings(
        {
            "UNGLUE_ITGLUE__API_KEY": "x",
            "UNGLUE_NOTIFICATIONS__OPS__FORMAT": "teams",
            "UNGLUE_NOTIFICATIONS__OPS__URL_FILE": str(path),
        }
    )
    assert settings.notifications["ops"].url == "https://hooks.chat.example/s3cr3t"


def test_a_pasted_secret_is_one_line(load: Load) -> None:
    table = "[sources.rewst]\nvendor = 'standard'\nsecrets = ['sk_live_s3cret']\n"
    with pytest.raises(ConfigurationError) as refused:
        load(table)
    assert str(refused.value).splitlines() == [
        "sources.rewst.secrets.0: must be whsec_ followed by the base64 of 24 to 64 bytes"
    ]
