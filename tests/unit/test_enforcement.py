"""A safeguard that is configured and that this build cannot enforce stops start-up."""

from typing import Any

import pytest

from adapters.errors import ConfigurationError
from workers.settings import Settings
from workers.settings.enforcement import require_enforceable

SOURCE = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt"}
CONFIRMED = {"sources": {"cw": {**SOURCE, "confirm_delete": True}}}


APPROVER = {"operators": {"carol": {"token_sha256": "0" * 64, "roles": ["approve"]}}}
SCHEDULE = {"cron": "0 3 1 * *"}


def settings(**tables: Any) -> Settings:
    return Settings(**{"itglue": {"api_key": "ITG.test"}, **CONFIRMED, **tables})


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"sources": {}},
        {"policy": {"mode": "preview", "approval": "always"}},
        {"policy": {"mode": "soft_delete"}},
        {"policy": {"approval": "never"}, "sources": {"cw": SOURCE}},
        {"policy": {"approval": "never", "grace_period": "1h"}},
        {"sources": {"cw": {**SOURCE, "confirm_delete": True, "approval": "webhooks"}}},
        {"sources": {"cw": {**SOURCE, "approval": "never"}}},
        {"durability": "fsync", "spool_dir": "/var/spool/unglue", "schedules": {}},
        {"schedules": {"monthly": {**SCHEDULE, "confirm_delete": True}}},
        {"schedules": {"monthly": {**SCHEDULE, "dry_run": True}}},
        {"policy": {"approval": "always"}, **APPROVER},
        {"sources": {"cw": SOURCE}, "schedules": {"monthly": SCHEDULE}, **APPROVER},
    ],
)
def test_what_is_kept_may_start(tables: dict[str, Any]) -> None:
    require_enforceable(settings(**tables))


UNENFORCED: dict[str, tuple[dict[str, Any], str]] = {
    "approval for all, by nobody": (
        {"policy": {"approval": "always"}},
        'policy.approval = "always": nobody can approve',
    ),
    "approval for a source, by nobody": (
        {"sources": {"cw": {**SOURCE, "confirm_delete": True, "approval": "always"}}},
        'sources.cw.approval = "always": nobody can approve',
    ),
    "a source that nobody confirms, approved by nobody": (
        {"sources": {"cw": SOURCE}},
        "sources.cw.confirm_delete = false: nobody can approve",
    ),
    "a schedule that nobody confirms, approved by nobody": (
        {"schedules": {"monthly": SCHEDULE}},
        "schedules.monthly.confirm_delete = false: nobody can approve",
    ),
}


@pytest.mark.parametrize(("tables", "name"), UNENFORCED.values(), ids=UNENFORCED)
def test_what_is_not_kept_stops_the_start(tables: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_enforceable(settings(**tables))
    lines = refused.value.message.splitlines()
    assert lines[0].endswith("so it does not start:")
    assert [name in line for line in lines[1:]] == [True]
    # Every refusal says what to do.
    assert ": " in lines[1]


def test_all_of_them_are_named() -> None:
    source = {**SOURCE, "confirm_delete": True, "approval": "always"}
    tables = {"sources": {"cw": source}, "schedules": {"monthly": SCHEDULE}}
    with pytest.raises(ConfigurationError) as refused:
        require_enforceable(settings(**tables))
    assert len(refused.value.message.splitlines()) == 3
