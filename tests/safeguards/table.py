"""The safeguards: what stands where, what stands there without it, and the tests that miss it."""

from dataclasses import dataclass
from typing import Final

BEGIN: Final = "workers/ledger/scripts/begin_delete.lua"
RECEIVE: Final = "workers/ledger/scripts/receive.lua"
GATES: Final = "workers/pipeline/gates/__init__.py"


@dataclass(frozen=True, slots=True)
class Safeguard:
    """One of them. `old` stands exactly once in `file`; `tests` are files, or tests in them."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _asked(name: str, condition: str, *tests: str) -> Safeguard:
    """A question of the script that grants the call, which is no longer asked."""
    return Safeguard(f"grant: {name}", BEGIN, f"if {condition} then", "if false then", tests)


def _gate(name: str, *tests: str) -> Safeguard:
    """A gate that is no longer asked."""
    asked = "for gate in gates)"
    others = f'for gate in gates if gate.__name__ != "{name}")'
    return Safeguard(f"gate: {name}", GATES, asked, others, tests)


_CONTRACT = "tests/contract/test_"
_OF_GATES = f"{_CONTRACT}gates.py"
_REQUESTS = "tests/integration/test_service_requests.py"
_SOAK = f"{_CONTRACT}found_by_soak.py"
_SPOOLS = "tests/integration/test_spool_ledger.py"
_BULK = "tests/integration/test_replays_bulk.py"
_PIPELINE = "tests/integration/test_ledger_pipeline.py"
_CLIENT = f"{_CONTRACT}one_client.py"
_FINDING = "tests/integration/test_itglue_finding.py"

GRANT: Final = (
    _asked(
        "the ledger is the one that is known",
        "strange_ledger(ARGV[13], tonumber(ARGV[14]), ARGV[17])", f"{_CONTRACT}continuity.py",
    ),
    _asked(
        "everybody has looked since the server started", "new_server(leased)",
        f"{_CONTRACT}continuity.py::test_after_a_start_of_the_server_everybody_looks_first",
    ),
    _asked(
        "the server throws nothing away", "makes_room ~= 'noeviction'",
        f"{_CONTRACT}continuity.py::test_a_server_that_makes_room_by_itself_is_seen_at_once",
    ),
    _asked(
        "a service is there that would hear of a client who is back",
        "unheard(leased)",
        f"{_CONTRACT}continuity.py::test_nothing_is_deleted_where_nobody_would_hear_of_it",
    ),
    _asked(
        "the clock is right", "ARGV[15] ~= '1' and clock_off(now, tonumber(ARGV[12]))",
        f"{_CONTRACT}continuity.py::test_a_worker_whose_clock_is_wrong_is_refused",
    ),
    _asked(
        "nobody took it over",
        "deletion.state ~= 'running' or deletion.fence ~= fence or "
        "tonumber(deletion.lease_until) <= leased",
        f"{_PIPELINE}::test_a_worker_that_was_away_cannot_begin",
        f"{_PIPELINE}::test_cancel_races_begin_and_exactly_one_wins",
    ),
    _asked(
        "deletions may run", "paused()",
        f"{_CONTRACT}stop_switch.py::test_nothing_is_deleted_until_somebody_resumes",
        f"{_CONTRACT}continuity.py",
    ),
    _asked(
        "asked for since the ledger was accepted",
        "before_acceptance(tonumber(deletion.replayed_at or deletion.created_at))",
        f"{_CONTRACT}continuity.py",
    ),
    _asked(
        "the configuration is the one in force",
        "(in_force or ledger[2]) and in_force ~= ARGV[16]",
        f"{_CONTRACT}configuration_in_force.py",
    ),
    Safeguard(
        "grant: where the ledger was accepted, somebody said which is in force", BEGIN,
        "if (in_force or ledger[2]) and", "if in_force and",
        (f"{_CONTRACT}configuration_in_force.py",),
    ),
    Safeguard(
        "continuity: no number of a notice twice", "workers/ledger/scripts/found_ledger.lua",
        "math.max(number, now)", "number",
        (f"{_CONTRACT}continuity.py::test_what_is_told_of_a_lost_ledger_has_a_number_of_its_own",),
    ),
    Safeguard(
        "the plan: a copy that was decided outlasts a milder mode", "workers/pipeline/terms.py",
        "if policy.export else {}", "if False else {}",
        (f"{_CONTRACT}what_is_decided.py::test_export_outlasts_a_milder_mode",),
    ),
    Safeguard(
        "resume: what a lost ledger held in force is forgotten",
        "workers/ledger/scripts/resume.lua", ", key('in_force'))", ")",
        (f"{_CONTRACT}configuration_in_force.py",),
    ),
    Safeguard(
        "grant: the account is that of the plan", BEGIN, "  return refused('other_account')",
        "  refused('other_account')", (f"{_CONTRACT}gone.py",),
    ),
    Safeguard(
        "grant: its own register has not moved", BEGIN, "    return refused('reactivated')",
        "    refused('reactivated')", ("tests/integration/test_grant.py",),
    ),
    _asked(
        "no event of its source is unproved",
        "redis.call('HLEN', key('quarantine', deletion.source)) > 0",
        "tests/integration/test_grant.py",
    ),
    _asked(
        "no event of a source that may know it is unproved",
        "redis.call('HLEN', key('quarantine', watched[1])) > 0",
        f"{_CONTRACT}in_doubt.py::test_what_is_unproved_may_be_about_any_client",
    ),
    _asked("nothing that is not understood holds it", "holding", f"{_CONTRACT}in_doubt.py"),
    _asked(
        "no doubt came since the plan",
        "(deletion.doubts or '[]') ~= (deletion.plan_doubts or '[]')",
        "tests/integration/test_grant.py",
    ),
    _asked(
        "no person said no since the plan",
        "noes_under(list(deletion.plan_forms)) ~= (deletion.plan_noes or '')",
        "tests/integration/test_grant.py", f"{_CONTRACT}one_no.py",
    ),
    Safeguard(
        "grant: no other deletion took it since the plan", "workers/ledger/scripts/prelude.lua",
        "    if deleted then\n", "    if false then\n",
        (f"{_SOAK}::test_what_another_one_deleted_since_the_plan_is_left",),
    ),
    _asked(
        "no source said anything since the plan",
        "(said[1] or '0') ~= watched[3] or state ~= watched[4]",
        "tests/integration/test_grant.py", f"{_CONTRACT}active_by_anyone.py",
    ),
    _asked("no spool may hold a reactivation", "spool", "tests/integration/test_spool_ledger.py"),
    _asked(
        "a call that was accepted is not repeated", "deletion.intent_state == 'accepted'",
        f"{_PIPELINE}::test_an_accepted_intent_is_never_repeated",
    ),
    _asked(
        "a call that was not answered had its time",
        "passed < tonumber(deletion.intent_at) + resend_after",
        f"{_PIPELINE}::test_no_second_intent_before_the_firsts_time",
    ),
    _asked(
        "the second call is for the same organization", "deletion.intent_org ~= org",
        "tests/integration/test_grant.py",
    ),
    _asked(
        "the plan is the one that was judged", "deletion.plan_digest ~= digest",
        f"{_PIPELINE}::test_a_plan_that_moved_is_not_acted_on",
    ),
    _asked(
        "it is approved where somebody is to be asked", "(approval or asked) and not approved()",
        "tests/integration/test_approval_script.py",
    ),
    _asked(
        "no count is above the approved one", "count > (before == cjson.null and 0 or before)",
        "tests/integration/test_approval_script.py",
    ),
    _asked(
        "the grace period is over",
        "not from or passed < math.max(from + grace, tonumber(deletion.grace_until))",
        "tests/integration/test_approval_script.py::test_the_grace_must_be_over",
    ),
    _asked(
        "it is not protected", "redis.call('HEXISTS', key('protected'), org) == 1",
        f"{_CONTRACT}protection.py::test_protected_at_the_last",
    ),
    _asked(
        "nobody else acts on the organization", "holder and holder ~= id",
        f"{_PIPELINE}::test_an_organization_is_claimed_by_one_deletion",
    ),
    _asked(
        "no limit is reached",
        "redis.call('ZCOUNT', counted(limit.source), since, '+inf') >= limit.allowed",
        f"{_CONTRACT}limits.py::test_a_deletion_counts_once_and_for_good",
    ),
)  # fmt: skip

EVENTS: Final = (
    Safeguard(
        "event: the same one is one", RECEIVE,
        "  if known[1] and not anew and not came_back(event) then",
        "  if false then",
        ("tests/integration/test_ledger_receive.py",),
    ),
    Safeguard(
        "event: the newest name, and not the last to come", RECEIVE,
        "given(event.name) and at >= tonumber(register.name_at or 0)", "given(event.name)",
        (f"{_CLIENT}::test_the_newest_name_counts_and_not_the_last_to_come",),
    ),
    Safeguard(
        "event: active, by a number among signs", "adapters/standard/data.py",
        "numbers += [text, *_digits(text)]", "numbers.append(text)",
        (f"{_CLIENT}::test_active_in_odd_words",),
    ),
    Safeguard(
        "event: active, by a number of no known integration", "adapters/standard/data.py",
        "if kind else get_args(PsaIntegration):", "if kind else ():",
        (f"{_CLIENT}::test_active_in_odd_words",),
    ),
    Safeguard(
        "event: active, by keys of another style", "adapters/standard/data.py",
        '    return _SIGNS.sub("", likeness(name))', '    return _SIGNS.sub("", name)',
        (f"{_CLIENT}::test_active_in_odd_words",),
    ),
    Safeguard(
        "event: NinjaOne's update says who is there", "adapters/ninjaone/activity.py",
        "        and not _names_one(config, activity)\n", "",
        (f"{_CLIENT}::test_another_one_takes_the_name",),
    ),
    Safeguard(
        "event: another content under a used id is another one", RECEIVE,
        "known[4] ~= '' and known[4] ~= content then", "known[4] ~= '' and false then",
        (f"{_CONTRACT}in_doubt.py::test_a_reactivation_under_a_used_id_counts",),
    ),
    Safeguard(
        "event: an older inactive is stale", RECEIVE,
        "    if active_at and at < active_at and not after and not equal then", "    if false then",
        ("tests/integration/test_ledger_receive.py",),
    ),
    Safeguard(
        "event: a signed time outlasts a word without one",
        RECEIVE,
        "    if event.occurred_at and kept.signed_inactive_at then",
        "    if false then",
        (f"{_SOAK}::test_a_word_without_a_time_does_not_make_a_signed_one_forgotten",),
    ),
    Safeguard(
        "event: what a no met still says when the client was inactive", RECEIVE,
        "      keep_signed(known[1], event, {})\n", "",
        (f"{_SOAK}::test_an_older_word_does_not_end_a_no_that_a_newer_one_met",),
    ),
    Safeguard(
        "event: a word from before a no does not end it", RECEIVE,
        " and at > tonumber(each.register[no]) then", " then",
        (f"{_SOAK}::test_a_word_from_before_a_no_does_not_end_it",),
    ),
    Safeguard(
        "event: a no outlasts what changes the state of its register", RECEIVE,
        " or register.cancelled_at then", " then",
        (f"{_SOAK}::test_a_no_is_not_ended_by_what_is_said_under_another_name_of_the_client",),
    ),
    Safeguard(
        "event: a no does not settle which of two words was the later",
        "workers/ledger/scripts/prelude.lua", "and 'cancelled_contested' or 'cancelled')",
        "and 'cancelled' or 'cancelled')",
        (f"{_SOAK}::test_a_no_does_not_settle_which_of_two_words_was_the_later",),
    ),
    Safeguard(
        "event: of equal times a person says which was the last", RECEIVE, "  if equal then",
        "  if false then", ("tests/integration/test_ledger_receive.py",),
    ),
    Safeguard(
        "event: without a signed time a person decides", RECEIVE,
        "    doubts[#doubts + 1] = 'time_missing'", "",
        (f"{_CONTRACT}in_doubt_of_order.py::test_without_a_signed_time_nothing_confirms_itself",),
    ),
    Safeguard(
        "event: only what asks for the same is joined", RECEIVE,
        " and same(open.request, event.request, made_up(open))", "",
        ("tests/integration/test_ledger_receive.py::test_only_the_same_is_joined",),
    ),
    Safeguard(
        "event: active cancels what its source asked for", RECEIVE,
        "      finish(deletion.id, 'cancelled', now, event.cancelled)", "",
        ("tests/integration/test_ledger_receive.py::test_active_after_inactive_cancels",),
    ),
    Safeguard(
        "event: what is not understood holds", RECEIVE, "  if #held > 0 then\n    redis",
        "  if false then\n    redis", (f"{_CONTRACT}in_doubt.py",),
    ),
    Safeguard(
        "event: what is counted goes on to hold", RECEIVE, "if repeated and #held > 0 then",
        "if false then", ("tests/integration/test_repeats.py",),
    ),
    Safeguard(
        "event: active once more, without a time, is no repeat", RECEIVE,
        "each.register.state ~= nil and each.register.state ~= 'active'", "false",
        (f"{_CONTRACT}in_doubt.py::test_active_once_more_under_its_own_constant_id",
         f"{_CLIENT}::test_the_same_words_once_more"),
    ),
    Safeguard(
        "event: nor does it end a person's no", RECEIVE,
        "if each.register.declined or each.register.cancelled_at then", "if false then",
        (f"{_CONTRACT}in_doubt.py::test_active_once_more_ends_no_persons_no",),
    ),
    Safeguard(
        "unproved: a key that changed meanwhile shows no forgery", "workers/intake/intake.py",
        "late = now - delivery.received_at >= PATIENCE", "late = False",
        (f"{_CONTRACT}dismissed.py::test_a_key_that_does_not_fit_later_shows_no_forgery",),
    ),
    Safeguard(
        "unproved: what comes again is as new as its last time",
        "workers/ledger/scripts/quarantine.lua",
        "  redis.call('HSET', key('delivery', known), 'last_seen', now)\n", "",
        (f"{_CONTRACT}dismissed.py::test_what_comes_again_unproved_is_as_new_as_its_last_time",),
    ),
    Safeguard(
        "spool: one that nothing waits for takes no doubt", "workers/intake/events.py",
        " or (isinstance(verdict, Rejected) and verdict.holds)", "",
        ("tests/integration/test_spool.py::test_an_unknown_spool_takes_no_doubt",),
    ),
    Safeguard(
        "event: one that a gateway wrapped holds", "adapters/standard/data.py",
        "or speaks or _wraps(data, known)", "or speaks",
        ("tests/unit/test_adapter_doubts.py::test_what_may_mean_active_holds",),
    ),
    Safeguard(
        "notice: what was held within the hour is told after it",
        "workers/ledger/scripts/tell_held.lua", "    if held.at > tonumber(told) then",
        "    if false then",
        ("tests/integration/test_dismissal.py::test_a_second_one_is_told_of_later",),
    ),
    Safeguard(
        "event: what is counted is as new as it was last said", "workers/intake/intake.py",
        "(arrived and arrived.last) or came", "came", ("tests/integration/test_repeats.py",),
    ),
    Safeguard(
        "event: another word for a client is not ignored", "adapters/clients.py",
        "    return likeness(name).startswith(_CLIENTS)", "    return False",
        (f"{_CONTRACT}in_doubt.py::test_it_holds_the_deletions_of_its_source",),
    ),
    Safeguard(
        "event: a Standard Webhook is signed", "adapters/standard/signature.py",
        "    if not any(hmac.compare_digest(ours, theirs)",
        "    if False and not any(hmac.compare_digest(ours, theirs)",
        ("tests/unit/test_adapter_standard.py",),
    ),
    Safeguard(
        "event: a Standard Webhook is signed just now", "adapters/standard/signature.py",
        "    if abs(now.timestamp()", "    if False and abs(now.timestamp()",
        ("tests/unit/test_adapter_standard.py",),
    ),
    Safeguard(
        "event: a ConnectWise callback is signed", "adapters/connectwise/signature.py",
        "    if not hmac.compare_digest(", "    if False and not hmac.compare_digest(",
        ("tests/unit/test_adapter_connectwise_proof.py",),
    ),
    Safeguard(
        "event: its key lies where this tenant's do", "adapters/connectwise/signature.py",
        "    if companies != (config.company,)", "    if False and companies != (config.company,)",
        ("tests/unit/test_adapter_connectwise_proof.py",),
    ),
    Safeguard(
        "event: a shared header has its value", "adapters/shared_header.py", "    if not any(hmac",
        "    if False and not any(hmac",
        ("tests/unit/test_adapter_ninjaone.py", "tests/unit/test_adapter_halopsa.py"),
    ),
)  # fmt: skip

_STANDING = "tests/unit/test_gates_standing.py"
_DECIDED = f"{_CONTRACT}what_is_decided.py"
_ONE = f"{_CONTRACT}one_organization.py"
_CONTINUITY = f"{_CONTRACT}continuity.py"
OF_THE_PLAN: Final = (
    *(
        _gate(name, _OF_GATES)
        for name in (
            "primary_organization",
            "sub_organizations",
            "my_glue_account",
            "psa_name",
            "only_ids",
            "protected_ids",
            "protected_names",
            "protected_types",
            "eligible_statuses",
            "eligible_types",
            "required_tags",
            "blocking_tags",
            "idle",
            "psa_synced",
            "dependencies",
        )
    ),
    _gate("proof", f"{_ONE}::test_a_bare_number_never_confirms_itself"),
    _gate("identity", f"{_DECIDED}::test_the_subject_moves_meanwhile"),
    _gate("psa_links", f"{_ONE}::test_one_of_two_goes"),
    Safeguard(
        "events: a merged company of connectwise", "adapters/connectwise/callback.py",
        "config.confirm_delete and not into_another", "config.confirm_delete",
        (f"{_ONE}::test_a_company_that_was_merged_is_for_a_person",),
    ),
    Safeguard(
        "events: a merged company of autotask", "adapters/autotask/callout.py",
        "config.confirm_delete and not into_another", "config.confirm_delete",
        (f"{_ONE}::test_a_company_that_was_merged_is_for_a_person",),
    ),
    Safeguard(
        "call: planned by the file of now", "workers/pipeline/steps/permission.py",
        "other or following(", "following(",
        (
            f"{_CONTRACT}active_by_anyone.py::test_a_source_that_came_after_the_plan_is_heard",
            f"{_CONTRACT}file_moved.py::test_a_plan_that_looked_less_far_back",
        ),
    ),
    _gate("loosened", f"{_CONTRACT}file_moved.py::test_statuses_that_were_widened"),
    Safeguard(
        "approval: asked about everything when it was planned", "workers/pipeline/steps/approve.py",
        '"always" if then else', "",
        (f"{_CONTRACT}file_moved.py::test_somebody_was_to_be_asked",),
    ),
    Safeguard(
        "grace: as long as when it was planned", "workers/pipeline/steps/grace.py",
        "timedelta(), then)", "timedelta())",
        (f"{_CONTRACT}file_moved.py::test_a_grace_period_that_had_not_begun",),
    ),
    Safeguard(
        "export: no older than with the first plan", "workers/pipeline/terms.py",
        "min(timedelta(seconds=oldest), policy.export_max_age)", "policy.export_max_age",
        ("tests/unit/test_terms.py::test_an_export_is_no_older_than_with_the_first_plan",),
    ),
    Safeguard(
        "gate: identity, a status that moved away", "workers/pipeline/gates/standing.py",
        'if "status" in before and', "if False and",
        (f"{_CONTRACT}file_moved.py::test_a_status_that_moved_away",),
    ),
    Safeguard(
        "sweep: for a worker on the file in force", "workers/bulk/sweep/walk.py",
        "not in {configuration, None}", "is configuration",
        (f"{_CONTRACT}file_moved.py::test_a_sweep_is_for_a_worker_on_the_file_in_force",),
    ),
    Safeguard(
        "sweep: by one file", "workers/bulk/sweep/walk.py",
        'sweep.configuration not in {configuration, ""}', "False",
        (f"{_CONTRACT}file_moved.py::test_a_sweep_that_began_under_another_file",),
    ),
    Safeguard(
        "replay in bulk: the mode of its order", "workers/bulk/replay/walk.py",
        "milder(held.mode, means.settings.policy.mode)", "means.settings.policy.mode",
        (f"{_CONTRACT}file_moved.py::test_a_bulk_replay_under_a_milder_mode",),
    ),
    Safeguard(
        "events: what came under another file", RECEIVE,
        "if waited and event.came", "if false and event.came",
        (f"{_CONTRACT}file_moved.py::test_what_came_under_another_file",),
    ),
    Safeguard(
        "events: a milder mode is not joined", RECEIVE,
        "    and (MODES[event.asked_mode] or 0) <= (MODES[open.asked_mode] or 3)", "",
        (f"{_CONTRACT}file_moved.py::test_what_asks_for_more_than_what_it_would_join",),
    ),
    Safeguard(
        "trust: nobody is an operator any more", "workers/pipeline/terms.py",
        "if not _has_operators(settings) and not deletion.asked_as:",
        "if not _has_operators(settings):",
        (f"{_CONTRACT}file_moved.py::test_nobody_is_an_operator_any_more",),
    ),
    Safeguard(
        "console: what was shown is replayed", "workers/ledger/scripts/replay.lua",
        "given(ARGV[10]) and deletion.generation", "false and deletion.generation",
        ("tests/integration/test_console_acting.py",),
    ),
    Safeguard(
        "gate: the primary one by the list", "workers/pipeline/gates/absolute.py",
        " or (account and account.primary == subject.organization.id)", "",
        (f"{_OF_GATES}::test_the_list_knows_that_it_is_the_primary_one",),
    ),
    Safeguard(
        "gate: psa_links, a number that may be another PSA's", "workers/pipeline/gates/standing.py",
        "bool(said and meant)", "bool(said)", (_STANDING,),
    ),
    _gate("client_active", f"{_CONTRACT}active_by_anyone.py::test_said_before_it_was_asked_for"),
    _gate("event", f"{_CONTRACT}in_doubt_of_order.py"),
    _gate("declined", f"{_CONTRACT}one_no.py::test_every_road_asks_it"),
    _gate("trust", f"{_DECIDED}::test_the_source_as_of_now"),
    _gate("act", f"{_DECIDED}::test_soft_does_not_become_hard", _DECIDED),
    _gate("protection", f"{_CONTRACT}protection.py"),
    _gate("schedule_statuses", f"{_DECIDED}::test_a_schedules_status_counts_where_a_status_is_set"),
    _gate("confirmation", "tests/contract/test_approval.py::test_who_is_asked_about_a_webhook"),
    Safeguard(
        "gate: psa_says", GATES, "(*GATES, psa_says) if subject.said else GATES", "GATES",
        (f"{_CONTRACT}psa_asked.py",),
    ),
    Safeguard(
        "plan: what the PSA says is active cancels", "workers/pipeline/steps/plan.py",
        "    if active:\n", "    if False:\n",
        (f"{_CONTRACT}psa_asked.py::test_active_whatever_was_sent",),
    ),
    Safeguard(
        "plan: another client of the name, listed as active",
        "workers/pipeline/steps/facts.py",
        "            if each.active\n",
        "            if False\n",
        (f"{_CONTRACT}own_client_asked.py::test_a_duplicate_that_goes_leaves_its_namesake",),
    ),
    Safeguard(
        "plan: the lists of other sources", "workers/pipeline/steps/facts.py",
        "if config.dated or not", "if source != deletion.source or not",
        (f"{_CLIENT}::test_listed_as_active_by_another_source",),
    ),
    Safeguard(
        "plan: who its client is by what was said", "workers/pipeline/steps/facts.py",
        "    if not others:", "    if True:",
        (f"{_CLIENT}::test_active_under_the_name_of_a_linked_company",),
    ),
    Safeguard(
        "plan: who was inactive under its name", "workers/pipeline/identity/identities.py",
        "for client in register.inactive_by)", "for client in ())",
        (f"{_CLIENT}::test_active_under_a_new_name",),
    ),
    Safeguard(
        "plan: its short name", "workers/pipeline/identity/identities.py",
        "            *_by_short_name(organization),\n", "",
        (f"{_CLIENT}::test_active_in_odd_words",),
    ),
    Safeguard(
        "plan: its client is called otherwise by now", "workers/pipeline/gates/standing.py",
        "if subject.called and taken_for", "if False and taken_for",
        (f"{_CLIENT}::test_called_otherwise_while_it_waits",),
    ),
    Safeguard(
        "plan: a link with zeros is the same one", "workers/itglue/organizations.py",
        "found + alike if found else ()", "found",
        (f"{_FINDING}::test_a_number_with_zeros_or_blanks_is_no_other_one",),
    ),
    Safeguard(
        "event: a CloudEvent's source in another spelling", "adapters/cloudevents/event.py",
        "holds=_spelt(sent) == _spelt(ours))", "holds=False)",
        ("tests/unit/test_adapter_doubts.py::test_what_may_mean_active_holds",),
    ),
    Safeguard(
        "event: whom it may be about, only where that is plain", "adapters/standard/data.py",
        "    if not plain or len(several) > _MOST_VALUES:", "    if len(several) > _MOST_VALUES:",
        ("tests/unit/test_adapter_doubts.py::test_whom_it_may_be_about_where_it_is_not_understood",),
    ),
    Safeguard(
        "gate: inactive as another organization's", "workers/pipeline/gates/standing.py",
        'return other and register.epoch != "0" and register.state == "inactive"', "return False",
        (f"{_CLIENT}::test_inactive_as_another_organizations",),
    ),
    Safeguard(
        "gate: psa_links, one number twice", "workers/pipeline/gates/standing.py",
        " or (links.count(link) > 1 and not kind)", "",
        (f"{_CLIENT}::test_one_number_twice_is_two_companies",),
    ),
    Safeguard(
        "gate: psa_links, another tenant's number", "workers/pipeline/gates/standing.py",
        "if len(subject.psa_sources) > 1:", "if len(set(subject.psa_sources.values())) > 1:",
        (f"{_CLIENT}::test_another_tenants_number_is_not_the_linked_one",),
    ),
    Safeguard(
        "plan: a link that may be another tenant's", "workers/pipeline/terms.py",
        "elif psa is not None and _shared(psa.integration_type, settings):", "elif False:",
        (f"{_CLIENT}::test_a_link_without_its_tenant",),
    ),
    Safeguard(
        "no: of a client whose organization is made anew", "workers/ledger/scripts/prelude.lua",
        "if not deletion.plan or string.find(form, 'psa:', 1, true) == 1 then",
        "if not deletion.plan then",
        (f"{_CLIENT}::test_a_no_holds_though_the_organization_is_made_anew",),
    ),
    Safeguard(
        "no: a namesake with a long name", "workers/ledger/scripts/standing.lua",
        "return kind == 'sha256' and 'name' or kind", "return kind",
        (f"{_CLIENT}::test_a_namesake_with_a_long_name_ends_no_no",),
    ),
    Safeguard(
        "plan: active since it was asked for cancels", "workers/pipeline/steps/plan.py",
        "    if not since:\n", "    if True:\n",
        (f"{_CONTRACT}active_said_late.py::test_said_before_anybody_knew_whose_it_is",),
    ),
    Safeguard(
        "plan: of another account it is not carried out", "workers/pipeline/steps/plan.py",
        "    if (lost or moved) and not plan.refusals:", "    if False:", (f"{_CONTRACT}gone.py",),
    ),
    Safeguard(
        "plan: an approval of another plan is void", "workers/pipeline/steps/plan.py",
        "granted.moved(plan) if granted is not None else ()", "()",
        (f"{_CONTRACT}approval.py", "tests/contract/test_what_is_decided.py"),
    ),
    Safeguard(
        "plan: an operator who may not ask any more", "workers/pipeline/terms.py",
        "        return _no_requester(deletion.actor, deletion, settings)", '        return ""',
        (f"{_DECIDED}::test_the_operators_as_configured_now",),
    ),
    Safeguard(
        "plan: an operator who may not approve any more", "workers/pipeline/terms.py",
        '    return f"operator {name} approved it, and may not approve any more"', '    return ""',
        (f"{_DECIDED}::test_the_operators_as_configured_now",),
    ),
    Safeguard(
        "plan: a source that is read otherwise now", "workers/pipeline/terms.py",
        "if deletion.read_by and deletion.read_by != source.meaning:", "if False:",
        ("tests/contract/test_no_way_round.py::test_a_status_that_counts_as_inactive_no_more",),
    ),
    Safeguard(
        "approve: who asked, under another name", "workers/pipeline/terms.py",
        'if deletion.asked_as in {"", known_as(asker, settings)}:', "if True:",
        ("tests/unit/test_terms.py::test_whoever_may_have_a_new_name_is_told_from_nobody",),
    ),
    Safeguard(
        "no: by the ledger's order, whatever clocks say", "workers/pipeline/gates/standing.py",
        "    if no.number:\n", "    if False:\n",
        ("tests/contract/test_no_way_round.py::test_a_no_is_later_than_what_was_said_before_it",),
    ),
    Safeguard(
        "no: a bulk replay overrules none that is said while it lasts",
        "workers/ledger/scripts/replay.lua",
        "tonumber(deletion.ended_after or 0) <= known", "known >= 0",
        (f"{_BULK}::test_a_no_after_it_was_ordered_is_not_overruled",),
    ),
    Safeguard(
        "no: to whatever a replay may mean now", "workers/ledger/scripts/prelude.lua",
        "if not deletion.plan or string.find(form, 'psa:', 1, true) == 1 then",
        "if string.find(form, 'psa:', 1, true) == 1 then",
        ("tests/contract/test_no_way_round.py::test_a_no_before_a_replay_is_planned_anew",),
    ),
    Safeguard(
        "no: what is older does not end it", "workers/ledger/scripts/standing.lua",
        " and tonumber(said[2] or 0) > no.at", "",
        ("tests/contract/test_no_way_round.py::test_a_no_outlasts_what_was_said_before_it",),
    ),
    Safeguard(
        "no: a namesake does not end it", "workers/ledger/scripts/standing.lua",
        "local other = namesake or ", "local other = ",
        ("tests/contract/test_no_way_round.py::test_a_namesake_that_comes_and_goes_ends_no_no",),
    ),
    Safeguard(
        "no: another PSA's number does not end it", "workers/ledger/scripts/standing.lua",
        " or watched[4] == 'stranger'", "",
        ("tests/contract/test_no_way_round.py::test_a_number_of_another_psa_ends_no_no",),
    ),
    Safeguard(
        "order: each word of a contested moment is another one",
        "workers/ledger/deleting/registers.py",
        'by = self.contested_by if self._contested else ""', 'by = ""',
        (f"{_SOAK}::test_one_more_word_of_the_same_moment_is_shown_before_it_is_approved",),
    ),
    Safeguard(
        "replay: a dry run says nothing of the client", "workers/ledger/scripts/replay.lua",
        " and not cjson.decode(deletion.request).dry_run", "",
        ("tests/contract/test_replay.py::test_a_replayed_preview_says_nothing_of_the_client",),
    ),
    Safeguard(
        "ledger: what is kept unproved is a decision", "workers/ledger/scripts/quarantine.lua",
        "audit(now, 'quarantined', {delivery_id = delivery.id, source = source})\n", "",
        (f"{_CONTINUITY}::test_a_copy_that_lacks_only_an_unproved_delivery_is_another_ledger",),
    ),
    Safeguard(
        "plan: the milder mode of then and now", "workers/pipeline/terms.py",
        "min(deletion.asked_mode or policy.mode, policy.mode, key=MODES.index)", "policy.mode",
        (f"{_DECIDED}::test_who_is_asked_again_has_the_last_word",),
    ),
    Safeguard(
        "events: active under an id however it is spelt", "adapters/standard/data.py",
        "for number in _digits(text):", "for number in [text]:",
        (f"{_CLIENT}::test_active_in_odd_words",),
    ),
    Safeguard(
        "plan: the export that was planned", "workers/pipeline/terms.py",
        'if planned.get("export"):', "if False:", (f"{_DECIDED}::test_export_is_planned",),
    ),
    Safeguard(
        "plan: the status that was planned", "workers/pipeline/terms.py",
        'if planned.get("status"):', "if False:",
        (f"{_DECIDED}::test_the_status_that_was_planned_is_set",),
    ),
    Safeguard(
        "replay: a bare id means whom it meant", "workers/ledger/scripts/replay.lua",
        "if asked.org_name and asked.psa then", "if true then",
        (f"{_DECIDED}::test_a_bare_id_that_is_replayed_means_whom_it_meant",),
    ),
    Safeguard(
        "replay: a name alone means whom it meant", "workers/ledger/scripts/replay.lua",
        "if asked.org_name and asked.psa then", "if asked.org_name then",
        (f"{_DECIDED}::test_a_name_that_became_anothers_is_replayed",),
    ),
    Safeguard(
        "replay: overrules no no that nobody was told of", "workers/ledger/scripts/replay.lua",
        "if overrule and not unseen then", "if overrule then",
        (f"{_CONTRACT}no_way_round.py::test_a_replay_overrules_no_unseen_no",),
    ),
    Safeguard(
        "replay: a no behind another's no is told first", "workers/ledger/scripts/prelude.lua",
        "if noes_unseen(deletion) then", "if false then",
        (f"{_CONTRACT}no_way_round.py::test_a_replay_overrules_no_unseen_no",),
    ),
    Safeguard(
        "plan: made after it was asked for", "workers/pipeline/gates/standing.py",
        "made is not None and worded is not None and made > worded", "False",
        (f"{_DECIDED}::test_an_organization_that_was_made_since_it_was_asked_for",),
    ),
    Safeguard(
        "plan: when its event speaks of counts", "workers/ledger/records.py",
        "return min(self.said_at or self.created_at, self.created_at)", "return self.created_at",
        (f"{_DECIDED}::test_an_organization_that_was_made_since_it_was_asked_for",),
    ),
    Safeguard(
        "plan: who replayed it may still ask", "workers/pipeline/terms.py",
        "return again or _first_distrust(", "return _first_distrust(",
        (f"{_CONTRACT}no_way_round.py::test_who_replayed_it_may_not_ask_any_more",),
    ),
    Safeguard(
        "plan: a schedule that only rehearses now", "workers/pipeline/terms.py",
        '        mode = "preview" if schedule.dry_run else mode\n', "",
        (f"{_DECIDED}::test_the_schedule_as_it_is_now",),
    ),
    Safeguard(
        "plan: that of another organization is not the call's", "workers/pipeline/steps/plan.py",
        "    if deletion.intent.unanswered and plan.organization.id != deletion.intent.org_id:",
        "    if False:", (f"{_CONTRACT}gone.py::test_what_is_reported_is_what_the_call_was_for",),
    ),
    Safeguard(
        "plan: a list that lacks the organization itself tells nothing",
        "workers/itglue/contents/subtree.py", " or org_id not in {item.id for item in places}:",
        ":", (f"{_CONTRACT}absence.py",),
    ),
    Safeguard(
        "plan: no types of assets are no proof of no assets", "workers/itglue/contents/assets.py",
        "    if not types:\n", "    if False:\n", (f"{_CONTRACT}absence.py",),
    ),
    Safeguard(
        "plan: an export that holds more than was counted", "workers/pipeline/steps/facts.py",
        "    if deletion.export is not None:\n", "    if False:\n", (f"{_CONTRACT}absence.py",),
    ),
    Safeguard(
        "plan: a link and its integration agree", "workers/itglue/organizations.py",
        "if row.linked_to(link.integration_type, link.company_id))",
        "if link.company_id in (row.psa_ids or ()))",
        (f"{_ONE}::test_the_integration_that_was_asked_for",),
    ),
    Safeguard(
        "plan: a name is unique among those that look like it",
        "workers/pipeline/identity/resolve.py", "    if others:\n", "    if False:\n",
        (f"{_CONTRACT}names.py",),
    ),
    Safeguard(
        "plan: only one organization is meant", "workers/pipeline/identity/resolve.py",
        "    if len(found) > 1:\n", "    if False:\n",
        (f"{_ONE}::test_a_second_organization_is_linked_to_the_company",),
    ),
    Safeguard(
        "plan: id and name agree", "workers/pipeline/identity/resolve.py",
        "    if name is not None and not same(name, organization.name):", "    if False:",
        (f"{_ONE}::test_identifiers_differ", _ONE),
    ),
)  # fmt: skip

THE_CALL: Final = (
    Safeguard(
        "call: looked at once more right before", "workers/pipeline/steps/permission.py",
        "    if moved:\n", "    if False:\n",
        (f"{_CONTRACT}misbehaviour.py::test_what_moved_since_the_plan_is_judged_afresh",),
    ),
    Safeguard(
        "ledger: what was missing for a while is not trusted when it is back",
        "workers/upkeep/continuity.py",
        "if seen.tip.endswith(_MISSED):",
        "if seen.tip is not None:",
        (
            f"{_CONTRACT}continuity.py::test_what_was_missing_for_a_while_does_not_act_when_it_is_back",
        ),
    ),
    Safeguard(
        "call: a plan lasts a minute", "workers/pipeline/steps/permission.py",
        "if plan is None or context.clock() - plan.made_at > PLAN_LASTS:", "if plan is None:",
        (f"{_CONTRACT}export.py::test_an_old_export_is_made_again",),
    ),
    Safeguard(
        "call: another worker's plan is carried out in its account alone",
        "workers/pipeline/steps/permission.py",
        "if seen and not context.itglue.saw_account and",
        "if False and",
        (f"{_SOAK}::test_a_young_plan_is_not_carried_out_in_another_account",),
    ),
    Safeguard(
        "call: who worked on it before it was replayed comes too late",
        "workers/ledger/scripts/replay.lua",
        "redis.call('HINCRBY', name, 'fence', 1)\n",
        "",
        (f"{_SOAK}::test_who_worked_on_it_before_it_was_replayed_comes_too_late",),
    ),
    Safeguard(
        "call: not after its permission has ended", "workers/pipeline/steps/permission.py",
        "        if now >= self.until:", "        if False:", (f"{_CONTRACT}found_by_soak.py",),
    ),
    Safeguard(
        "call: an intent that Redis may lose is not sent", "workers/pipeline/steps/permission.py",
        'if begun.decision == "not_durable":', "if False:",
        ("tests/integration/test_durability.py",),
    ),
    Safeguard(
        "proof: gone takes the same witnesses", "workers/itglue/presence/witnesses.py",
        "    if missing:\n", "    if False:\n",
        ("tests/unit/test_itglue_judging.py", f"{_CONTRACT}gone.py"),
    ),
    Safeguard(
        "proof: gone takes as many organizations as before", "workers/itglue/presence/witnesses.py",
        "    if total < least:", "    if False:",
        ("tests/unit/test_itglue_judging.py", f"{_CONTRACT}gone.py"),
    ),
    Safeguard(
        "proof: gone takes a control", "workers/itglue/presence/presence.py",
        "        and isinstance(controlled, Listing)\n        and not against",
        "        and not against", ("tests/unit/test_itglue_judging.py",),
    ),
    Safeguard(
        "proof: gone takes a list without it", "workers/itglue/presence/presence.py",
        "        and not listed.rows\n        and listed.total == 0\n", "",
        ("tests/unit/test_itglue_judging.py",),
    ),
    Safeguard(
        "proof: no record of it is left", "workers/itglue/presence/presence.py",
        "    elif remains:\n", "    elif False:\n", ("tests/unit/test_itglue_judging.py",),
    ),
    Safeguard(
        "lists: a short page is not the last for that", "workers/itglue/http/paging.py",
        "        ended = not page.rows or page.follows is False if total is None else",
        "        ended = len(page.rows) < size if total is None else",
        ("tests/integration/test_itglue_finding.py",),
    ),
    Safeguard(
        "lists: none ends where it says that more follows", "workers/itglue/http/paging.py",
        "        if ended and (page.follows or (total is not None and len(found) > total)):",
        "        if False:", ("tests/integration/test_itglue_finding.py",),
    ),
    Safeguard(
        "lists: a row that comes twice on a page", "workers/itglue/http/paging.py",
        " or (unique and page.twice):", ":", ("tests/integration/test_itglue_finding.py",),
    ),
    Safeguard(
        "lists: what a part failed for is no answer", "workers/itglue/http/replies.py",
        '        if payload.get("errors"):', "        if False:",
        ("tests/integration/test_itglue_finding.py",),
    ),
    Safeguard(
        "proof: a refusal on the way says nothing of its records",
        "workers/itglue/presence/presence.py",
        "        if refused.status not in _NOTHING_TO_ASK_FOR or refused.page:",
        "        if False:",
        (f"{_CONTRACT}absence.py",),
    ),
    Safeguard(
        "proof: the same one that is there again is told", "workers/upkeep/aftercare.py",
        "    if await context.itglue.organization(deletion.intent.org_id) is not None:",
        "    if False:", (f"{_CONTRACT}aftercare.py",),
    ),
    Safeguard(
        "proof: a refused key's look is not the last", "workers/upkeep/aftercare.py",
        "    elif seen.key_refused or", "    elif", (f"{_CONTRACT}gone.py",),
    ),
    Safeguard(
        "export: made after it was asked for", "workers/pipeline/steps/export.py",
        "    if (stale := exported.stale(ready.created_at, most)) is not None:",
        "    if (stale := None) is not None:", (f"{_CONTRACT}export.py",),
    ),
    Safeguard(
        "export: not ready for days", "workers/pipeline/steps/export.py",
        "    if now - (exported.unready_at or exported.asked_at) > most:", "    if False:",
        (f"{_CONTRACT}export.py",),
    ),
    Safeguard(
        "export: what nobody can open is no copy", "workers/itglue/export/archive.py",
        "    if not password and any(", "    if False and any(",
        ("tests/unit/test_export_archive.py",),
    ),
    Safeguard(
        "export: its password opens what is encrypted", "workers/itglue/export/archive.py",
        "            fits = opens(file, start, member, password)", "            fits = True",
        ("tests/unit/test_export_archive.py",),
    ),
    Safeguard(
        "export: what is packed once more is no table", "workers/itglue/export/archive.py",
        '    return "" if filename.lower().endswith(_PACKED) else None', "    return None",
        ("tests/unit/test_export_archive.py",),
    ),
    Safeguard(
        "gate: a type that is not stated", "workers/pipeline/gates/policy.py",
        "    if subject.policy.protected_types and _TYPE in subject.organization.unstated:",
        "    if False:", (_OF_GATES,),
    ),
    Safeguard(
        "gate: a text that is not stated may have a tag", "workers/pipeline/gates/policy.py",
        "    if unstated:\n", "    if False:\n", (_OF_GATES,),
    ),
    Safeguard(
        "limits: what is left empty is not unlimited", "workers/settings/policy.py",
        "    if value is None or isinstance(value, bool):", "    if False:",
        ("tests/unit/test_settings.py",),
    ),
    Safeguard(
        "counts: a page's own total is not that of all", "workers/itglue/contents/counting.py",
        " or (total and not rows) or more:", " or (total and not rows):",
        ("tests/unit/test_itglue_judging.py",),
    ),
    Safeguard(
        "call: an answer that names another one stops everything",
        "workers/pipeline/steps/delete.py", "    if answer.others:\n", "    if False:\n",
        (f"{_CONTRACT}misbehaviour.py",),
    ),
    Safeguard(
        "export: not from before the newest change", "workers/ledger/deleting/exported.py",
        "        if self.updated_at != organization.updated_at:", "        if False:",
        (f"{_CONTRACT}export.py::test_an_old_export_is_made_again",),
    ),
    Safeguard(
        "export: of this organization", "workers/pipeline/steps/export.py",
        "    if ready.organization_id != exported.org_id:", "    if False:",
        (f"{_CONTRACT}absence.py::test_an_export_of_another_organization_is_none",),
    ),
    Safeguard(
        "export: not too old", "workers/ledger/deleting/exported.py",
        " or now - self.stored_at > max_age:", ":", (f"{_CONTRACT}export.py",),
    ),
    Safeguard(
        "export: something of each counted kind", "workers/ledger/deleting/exported.py",
        "    return f\"it holds nothing of: {', '.join(missing)}\" if missing else None",
        "    return None", (f"{_CONTRACT}export.py", "tests/unit/test_export_archive.py"),
    ),
)  # fmt: skip

PEOPLE_AND_STRANGERS: Final = (
    Safeguard(
        "approval: not by who asked",
        "workers/ledger/scripts/approve.lua",
        "if (deletion.client == '' and deletion.actor == operator) "
        "or deletion.replayed_by == operator then",
        "if false then",
        (f"{_CONTRACT}approval.py::test_the_requester_may_not_approve",),
    ),
    Safeguard(
        "approval: of what was shown", "workers/ledger/scripts/approve.lua",
        "if deletion.approval_seen ~= seen then", "if false then",
        (f"{_CONTRACT}approval.py", "tests/integration/test_approval_page.py"),
    ),
    Safeguard(
        "approval: not after its time", "workers/ledger/scripts/approve.lua",
        "if tonumber(deletion.approval_until) <= now then", "if false then",
        (f"{_CONTRACT}approval.py::test_a_clock_unlike_workers",),
    ),
    Safeguard(
        "approval: with force where the dependency gate refuses",
        "workers/ledger/scripts/approve.lua",
        "if deletion.approval_needs_force == '1' and force ~= '1' then", "if false then",
        (f"{_CONTRACT}approval.py", "tests/integration/test_service_approvals.py"),
    ),
    Safeguard(
        "names: protections compare loosely", "adapters/likeness.py",
        '    return unicodedata.normalize("NFKC", " ".join(folded.split()))', "    return text",
        ("tests/unit/test_safeguards_loosely.py",),
    ),
    Safeguard(
        "names: unique also as two systems write them", "adapters/likeness.py",
        "    return drawn(bare(likely) or likely)", "    return likely", (f"{_CONTRACT}names.py",),
    ),
    Safeguard(
        "names: a client is known by what two systems call it", "adapters/clients.py",
        "dict.fromkeys((likely, plain, drawn(plain)))", "(likely,)",
        ("tests/unit/test_safeguards_loosely.py",),
    ),
    Safeguard(
        "names: a letter of another alphabet is what it looks like", "adapters/likeness.py",
        "likely.translate(_DRAWN_LIKE)", "likely",
        ("tests/unit/test_safeguards_loosely.py", f"{_CONTRACT}names.py"),
    ),
    Safeguard(
        "event: what a clock ahead claimed is compared", "workers/intake/events.py",
        '            event["claims"] = claims', "            pass",
        (f"{_CONTRACT}in_doubt_of_order.py::test_times_that_cannot_be_put_in_order",),
    ),
    Safeguard(
        "event: what a clock ahead claimed ends with the next word", RECEIVE,
        "  if claims or register[name .. '_claims'] then", "  if claims then",
        ("tests/integration/test_ledger_receive.py",),
    ),
    Safeguard(
        "event: our own clock that went back makes none the older one",
        RECEIVE,
        "return comes_now(event) and event.claims and at and",
        "return false and",
        (f"{_CONTRACT}in_doubt_of_order.py::test_our_clock_goes_back_between_two_events",),
    ),
    Safeguard(
        "spool: its first word is a decision", "workers/ledger/scripts/beat_spool.lua",
        "  audit(now, 'spool_known', {spool = id, where = where})\n", "",
        (f"{_CONTRACT}continuity.py::test_a_copy_that_lacks_a_spool_is_another_ledger",),
    ),
    Safeguard(
        "tag: whatever stands between its letters", "workers/pipeline/identity/tags.py",
        "_BETWEEN + letter for", "letter for", ("tests/unit/test_safeguards_loosely.py",),
    ),
    Safeguard(
        "spool: a clock that is ahead says nothing of what will be",
        "workers/ledger/scripts/beat_spool.lua",
        "if waiting == 0 and not ahead then",
        "if waiting == 0 then",
        ("tests/integration/test_spool_ledger.py::test_a_service_whose_clock_is_ahead",),
    ),
    Safeguard(
        "event: whoever else is active under a name",
        RECEIVE,
        "register.named_by and list(register.named_by) or {register.active_by}",
        "{register.active_by}",
        (f"{_CONTRACT}active_by_anyone.py::test_whoever_of_one_name_came_last_and_goes",),
    ),
    Safeguard(
        "event: the beginning of a calendar is no time", "adapters/fields.py",
        "return moment if moment >= _OLDEST else None", "return moment",
        ("tests/unit/test_adapter_standard.py", "tests/unit/test_adapter_ninjaone.py"),
    ),
    Safeguard(
        "subject: an id beside a link agrees", "workers/pipeline/identity/resolve.py",
        "        if request.org_id not in {None, organization.id}:", "        if False:",
        (f"{_CONTRACT}one_organization.py::test_identifiers_differ",),
    ),
    Safeguard(
        "subject: a number is that of its integration",
        "workers/pipeline/gates/standing.py",
        'return register.client == link and kind in {"", own}',
        "return register.client == link",
        (
            f"{_CONTRACT}one_organization.py::test_another_psas_number_is_not_known_by_ours",
        ),
    ),
    Safeguard(
        "ledger: a Redis that evicts stops everything", "workers/upkeep/room.py",
        "    if room.policy != EVICTS_NOTHING:", "    if False:",
        ("tests/integration/test_room.py::test_a_redis_that_begins_to_evict_stops_everything",),
    ),
    Safeguard(
        "api: nothing in the address is passed over", "service/api/state.py",
        'if request.method not in {"GET", "HEAD"} and request.url.query:', "if False:",
        (f"{_REQUESTS}::test_what_the_address_says_counts",),
    ),
    Safeguard(
        "clock: a scheduler whose own is wrong hands out nothing", "workers/processes/scheduler.py",
        "        if self.ledger.store.memory.trouble == CLOCK_OFF:\n", "        if False:\n",
        (f"{_CONTINUITY}::test_a_part_whose_clock_is_wrong_does_nothing_and_says_so",),
    ),
    Safeguard(
        "clock: a job of a worker whose own is wrong does nothing", "workers/processes/jobs.py",
        "        if await continuity.look() == CLOCK_OFF:\n", "        if False:\n",
        (f"{_CONTINUITY}::test_a_part_whose_clock_is_wrong_does_nothing_and_says_so",),
    ),
    Safeguard(
        "queue: only jobs of the table", "workers/processes/job_table.py",
        "    if not isinstance(name, str) or name not in _NAMES or instance is not None:",
        "    if not isinstance(name, str):", ("tests/integration/test_foreign_jobs.py",),
    ),
    Safeguard(
        "queue: a job knows what its worker does by then", "workers/processes/steady_worker.py",
        "        self._beginning.memory.become(order.memory)", "        pass",
        ("tests/integration/test_job_ahead.py",),
    ),
    Safeguard(
        "queue: nobody waits for a job of a worker that is gone",
        "workers/processes/steady_worker.py",
        "            self._ahead.end()", "            pass",
        ("tests/integration/test_job_ahead.py",),
    ),
    Safeguard(
        "spools: two with one copied folder hold", "workers/ledger/scripts/beat_spool.lua",
        "if doubled ~= '' then", "if false then",
        (
            f"{_SPOOLS}::test_of_two_with_one_copied_folder_neither_speaks_for_the_other",
        ),
    ),
    Safeguard(
        "ledger: accepted by a clock that did not go back", "workers/ledger/scripts/resume.lua",
        "if newest >= at and newest < at + 86400000 then", "if false then",
        (f"{_CONTRACT}continuity.py::test_a_clock_that_went_back_makes_nothing_newer_than_the_acceptance",),
    ),
    Safeguard(
        "secrets: one owner each", "workers/settings/secrecy.py",
        "                if first != owner:",
        "                if False:",
        ("tests/unit/test_secrecy.py",),
    ),
    Safeguard(
        "secrets: none of the README's for a real account", "workers/settings/secrecy.py",
        "            if secret in SAMPLES or not _SAMPLE_FORMS.isdisjoint(_forms(secret)):",
        "            if False:",
        ("tests/unit/test_secrecy.py",),
    ),
    Safeguard(
        "addresses: none that is not public", "workers/network/addresses.py",
        "        if not allow_private and not is_public(address):", "        if False:",
        ("tests/unit/test_addresses.py",),
    ),
    Safeguard(
        "addresses: none of a cloud's metadata", "workers/network/addresses.py",
        "        if is_metadata(address):", "        if False:",
        ("tests/unit/test_never_called.py",),
    ),
    Safeguard(
        "tokens: none that could be guessed", "service/access/operators.py",
        "    return len(token) < SHORTEST and", "    return False and",
        ("tests/unit/test_operators.py",),
    ),
    Safeguard(
        "bodies: no more at once than there is room for", "service/api/body_limit.py",
        "            if self._held + more > self._most:", "            if False:",
        ("tests/unit/test_body_limit.py",),
    ),
    Safeguard(
        "safeguards that nobody can keep stop start-up", "workers/settings/enforcement.py",
        "    if faults:\n", "    if False:\n", ("tests/unit/test_enforcement.py",),
    ),
)  # fmt: skip

SAFEGUARDS: Final = (*GRANT, *EVENTS, *OF_THE_PLAN, *THE_CALL, *PEOPLE_AND_STRANGERS)
