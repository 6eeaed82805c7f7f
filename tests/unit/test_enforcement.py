"""A safeguard that is configured and that this build cannot enforce stops start-up."""

from typing import Any

import pytest

from adapters.errors import ConfigurationError
from workers.enforcement import require_enforceable
from workers.settings import Settings

SOURCE = {"vendor": "connectwise", "host": "na.myconnectwise.net", "company": "Cobalt"}
CONFIRMED = {"sources": {"cw": {**SOURCE, "confirm_delete": True}}}


def settings(**tables: Any) -> Settings:
    return Settings(**{"itglue": {"api_key": "ITG.test"}, **CONFIRMED, **tables})


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"sources": {}},
        {"policy": {"mode": "preview"}},
        {"policy": {"mode": "soft_delete"}},
        {"policy": {"approval": "never"}, "sources": {"cw": SOURCE}},
        {"policy": {"approval": "never"}},
        {"sources": {"cw": {**SOURCE, "confirm_delete": True, "approval": "never"}}},
        {"durability": "fsync", "spool_dir": "/var/spool/unglue", "schedules": {}},
        {"schedules": {"monthly": {"cron": "0 3 1 * *"}}},
    ],
)
def test_what_is_kept_may_start(tables: dict[str, Any]) -> None:
    require_enforceable(settings(**tables))


UNENFORCED: dict[str, tuple[dict[str, Any], str]] = {
    "approval for all": ({"policy": {"approval": "always"}}, 'policy.approval = "always"'),
    "a grace period": ({"policy": {"grace_period": "1s"}}, "policy.grace_period"),
    "approval for a source": (
        {"sources": {"cw": {**SOURCE, "confirm_delete": True, "approval": "always"}}},
        'sources.cw.approval = "always"',
    ),
    "approval for a source's webhooks": (
        {"sources": {"cw": {**SOURCE, "confirm_delete": True, "approval": "webhooks"}}},
        'sources.cw.approval = "webhooks"',
    ),
    "a source that nobody confirms": (
        {"sources": {"cw": SOURCE}},
        "sources.cw.confirm_delete = false",
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
    tables = {"policy": {"approval": "always", "grace_period": "1h"}}
    with pytest.raises(ConfigurationError) as refused:
        require_enforceable(settings(**tables))
    assert len(refused.value.message.splitlines()) == 3
