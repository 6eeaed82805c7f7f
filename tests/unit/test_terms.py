"""Under which terms a deletion is judged: the milder of then and now, and on whose word."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.models import DeletionRequest
from workers.audit.in_force import policy_digest
from workers.ledger.records import Deletion, Intent
from workers.pipeline.terms import (
    act_of,
    distrust,
    harder_now,
    known_as,
    no_approver,
    not_told_apart,
    terms_of,
    word_of,
)
from workers.settings import Settings

NOW = datetime(2026, 11, 27, tzinfo=UTC)
CW = {
    "vendor": "connectwise",
    "host": "na.myconnectwise.net",
    "company": "Cobalt",
    "inactive_statuses": ["Inactive"],
    "confirm_delete": True,
}
SCHEDULE = {"cron": "0 3 1 * *", "confirm_delete": True, "required_tags": ["#gone"]}


def settings(**tables: Any) -> Settings:
    return Settings(**{"itglue": {"base_url": "http://127.0.0.1:9", "api_key": "k"}, **tables})


def deletion(**fields: Any) -> Deletion:
    intent = Intent(0, "", "", None, "")
    basis: dict[str, Any] = {
        "id": "del_1", "state": "queued", "step": "plan", "generation": 1, "source": "cw",
        "vendor": "connectwise", "client": "250", "actor": "", "delivery_id": "dlv_1",
        "request": DeletionRequest(org_id="301", confirm_delete=True), "callback_url": "",
        "created_at": NOW, "updated_at": NOW, "ready_at": NOW, "finished_at": None, "fence": 1,
        "attempts": 0, "deaths": 0, "intent": intent, "plan": None, "errors": (), "mode": "",
        "requests": 0, "eligible_until": None, "export": None,
    }  # fmt: skip
    return Deletion(**{**basis, **fields})


SWEPT = {"source": "schedule:monthly", "client": "", "vendor": ""}


@pytest.mark.parametrize(
    ("asked", "now", "counts", "harder"),
    [
        (None, "delete", "delete", None),
        ("delete", "delete", "delete", None),
        ("soft_delete", "delete", "soft_delete", "delete"),
        ("preview", "delete", "preview", "delete"),
        ("preview", "soft_delete", "preview", "soft_delete"),
        ("delete", "soft_delete", "soft_delete", None),
        ("delete", "preview", "preview", None),
    ],
)
def test_milder_one_counts(asked: str | None, now: str, counts: str, harder: str | None) -> None:
    configured = settings(policy={"mode": now})
    held = deletion(asked_mode=asked)
    assert terms_of(held, configured).policy.mode == counts
    assert harder_now(held, configured) == harder


def test_a_schedules_criteria_hold_for_its_deletions_alone() -> None:
    configured = settings(schedules={"monthly": SCHEDULE})
    assert terms_of(deletion(**SWEPT), configured).policy.required_tags == ("#gone",)
    assert terms_of(deletion(), configured).policy.required_tags == ()


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ({"cw": CW}, ""),
        ({}, "configured no more"),
        ({"cw": {**CW, "confirm_delete": False}}, "not to confirm any more"),
        ({"cw": {"vendor": "standard", "secrets": ["whsec_" + "A" * 32], "trust_flags": True}},
         "is of standard now"),
    ],
)  # fmt: skip
def test_a_source_is_believed_as_it_is_configured_now(sources: Any, reason: str) -> None:
    told = distrust(deletion(), settings(sources=sources))
    assert (reason in told) if reason else told == ""


@pytest.mark.parametrize(
    ("schedules", "reason"),
    [
        ({"monthly": SCHEDULE}, ""),
        ({}, "configured no more"),
        ({"monthly": {**SCHEDULE, "confirm_delete": False}}, "not to confirm any more"),
    ],
)
def test_and_so_is_a_schedule(schedules: Any, reason: str) -> None:
    told = distrust(deletion(**SWEPT), settings(schedules=schedules))
    assert (reason in told) if reason else told == ""


def test_what_nobody_confirmed_loses_nothing() -> None:
    unconfirmed = replace(deletion(), request=DeletionRequest(org_id="301"))
    assert distrust(unconfirmed, settings(sources={"cw": {**CW, "confirm_delete": False}})) == ""


def test_of_two_sources_of_one_integration_a_person_is_asked() -> None:
    other = {**CW, "host": "eu.myconnectwise.net", "itglue_integration": "second"}
    both = {"cw": {**CW, "itglue_integration": "first"}, "cw2": other}
    assert "this one's is 'first'" in distrust(deletion(), settings(sources=both))
    assert distrust(deletion(), settings(sources={"cw": both["cw"]})) == ""


def test_the_act_and_the_word_are_in_words_of_their_own() -> None:
    assert act_of(settings(policy={"mode": "soft_delete", "soft_delete_status": "Gone"})) == {
        "mode": "soft_delete", "status": "Gone", "export": True, "logs": False,
    }  # fmt: skip
    with_export = settings(policy={"export": True, "export_include_logs": True})
    assert act_of(with_export) == {"mode": "delete", "export": True, "logs": True}
    word = word_of(deletion(**SWEPT), settings(schedules={"monthly": SCHEDULE}))
    assert word["criteria"]["required_tags"] == ["#gone"]
    assert word_of(deletion(), settings(sources={"cw": CW}))["believed"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"policy": {"only_ids": ["999"]}},
        {"policy": {"grace_period": "1h"}},
        {"sources": {"cw": {**CW, "confirm_delete": False}}},
        {"sources": {"cw": {**CW, "inactive_statuses": ["Gone"]}}},
        {"schedules": {"monthly": SCHEDULE}},
        {"itglue": {"base_url": "http://127.0.0.1:8", "api_key": "k"}},
        {"operators": {"carol": {"token_sha256": "0" * 64, "roles": ["approve"]}}},
    ],
)
def test_the_digest_of_a_configuration_covers_what_decides(changed: dict[str, Any]) -> None:
    before = settings(sources={"cw": CW})
    assert policy_digest(before) == policy_digest(settings(sources={"cw": CW}))
    assert policy_digest(before) != policy_digest(settings(**{"sources": {"cw": CW}, **changed}))


def test_and_nothing_secret() -> None:
    other = {"base_url": "http://127.0.0.1:9", "api_key": "another"}
    assert policy_digest(settings()) == policy_digest(settings(itglue=other))
    first, second = (
        settings(operators={"carol": {"token_sha256": each * 64, "roles": ["approve"]}})
        for each in "01"
    )
    assert policy_digest(first) == policy_digest(second)


def test_whom_the_identity_provider_names_may_do_what_its_groups_say() -> None:
    """They need not stand in the file, or have there only their name for a token."""
    oidc: dict[str, Any] = {
        "issuer": "https://id.example.com", "client_id": "unglue", "roles_claim": "groups",
        "roles": {"staff": ["request", "approve"]},
    }  # fmt: skip
    operators = {
        "bob": {"token_sha256": "0" * 64, "roles": ["request"]},
        "carol": {"sign_on": "carol@example.com"},
    }
    keys = ["an-own-key-of-more-than-32-characters"]
    by_claim = settings(operators=operators, oidc=oidc, secret_keys=keys)
    assert no_approver("dana@example.com", by_claim) == ""
    assert no_approver("carol", by_claim) == ""
    # His token is no sign-on, so the file alone says what he may.
    assert "may not approve" in no_approver("bob", by_claim)
    asked = replace(deletion(), source="api", client="", actor="dana@example.com")
    assert distrust(asked, by_claim) == ""
    oidc["roles"] = {"staff": ["request"]}
    fewer = settings(operators=operators, oidc=oidc, secret_keys=keys)
    assert "may not approve" in no_approver("dana@example.com", fewer)
    assert policy_digest(by_claim) != policy_digest(fewer)
    # And where nobody stands in the file.
    alone = settings(oidc={**oidc, "roles": {"staff": ["admin"]}}, secret_keys=keys)
    assert "may not approve" in no_approver("dana@example.com", alone)
    assert "may not ask" in distrust(asked, alone)


def test_whoever_may_have_a_new_name_is_told_from_nobody() -> None:
    """Of four eyes two may be those of the requester, under the name of now."""
    keys = ["an-own-key-of-more-than-32-characters"]
    token, sign_on = {"token_sha256": "0" * 64}, {"sign_on": "anna@example.com"}

    def named(claim: str = "email", **operators: Any) -> Settings:
        oidc = {
            "issuer": "https://id.example.com", "client_id": "unglue", "roles_claim": "groups",
            "roles": {"staff": ["request", "approve"]}, "claim": claim,
        }  # fmt: skip
        return settings(operators={"bob": token, **operators}, oidc=oidc, secret_keys=keys)

    def held(name: str, then: Settings, **fields: Any) -> Deletion:
        asked = {"source": "api", "client": "", "actor": name, "asked_as": known_as(name, then)}
        return replace(deletion(), **{**asked, **fields})

    same, other = named(anna=sign_on), named("preferred_username", anna=sign_on)
    for name in ("bob", "anna", "dana@example.com"):
        assert not_told_apart(held(name, same), same) == ""
    assert not_told_apart(held("bob", same), other) == ""  # by a token of his own
    assert "another name" in not_told_apart(held("anna", same), other)
    assert "another name" in not_told_apart(held("dana@example.com", same), other)
    # Out of the file, and known to the provider.
    assert "another name" in not_told_apart(held("bob", same), settings(oidc={}))
    with_token = named(dana={"token_sha256": "1" * 64})
    assert "another name" in not_told_apart(held("dana", with_token), same)
    # What somebody replays, somebody else asked for besides.
    anew = held("bob", same, actor="anna", replayed_by="bob")
    assert not_told_apart(anew, other) == ""


def test_and_whose_word_is_asked_for() -> None:
    keys = {"public_key": "a", "private_key": "b", "client_id": "c"}

    def asking(url: str) -> str:
        return policy_digest(settings(sources={"cw": {**CW, "api": {**keys, "base_url": url}}}))

    assert asking("https://staging.example.com") != asking("https://api.example.com")


@pytest.mark.parametrize(("then", "now", "counts"), [(60, "1h", 60), (3600, "1m", 60)])
def test_an_export_is_no_older_than_with_the_first_plan(then: int, now: str, counts: int) -> None:
    held = deletion(policy_then={"export_max_age": then})
    terms = terms_of(held, settings(policy={"export_max_age": now}))
    assert terms.policy.export_max_age.total_seconds() == counts
