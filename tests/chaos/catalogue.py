"""The faults, what is promised for each, and the test that makes it happen.

``python -m tests.chaos.catalogue`` writes docs/faults.md; a test compares the two, and finds every
test that is named here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.daemon.provider_faults import FAULTS as PROVIDER_FAULTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"


@dataclass(frozen=True)
class Fault:
    """tests: ``file::function`` below tests/."""

    what: str
    promise: str
    tests: tuple[str, ...]


WORKERS = (
    Fault(
        "`kill -9` at each moment of an attempt: before every statement and model call, and after"
        " its reply",
        "answered once by the next worker; finished calls are replayed, at most one is bought"
        " again and shown as uncertain money",
        ("chaos/test_moments.py::test_killed_at_every_moment",),
    ),
    Fault(
        "`kill -9` between a commit and its reply",
        "one result, no second attempt",
        ("chaos/test_processes.py::test_killed_between_commit_and_reply",),
    ),
    Fault(
        "`kill -9` while requests wait in the worker for their slots",
        "each is answered once; what had not begun has lost nothing but its lease",
        ("chaos/test_processes.py::test_killed_in_a_backlog_of_short_attempts",),
    ),
    Fault(
        "slots stop changing hands, or the worker stops, with requests claimed ahead",
        "they go back into the queue, no attempt spent",
        ("daemon/test_claimer.py::test_what_was_claimed_ahead_and_gets_no_slot_goes_back",),
    ),
    Fault(
        "`kill -9` while the provider works",
        "completes; the call under way is the only one that is asked again",
        (
            "chaos/test_processes.py::test_killed_in_the_middle_of_a_model_call",
            "daemon/test_process.py::test_killed_daemon_is_replaced_by_the_next",
            "daemon/test_llm_gateway.py::test_a_call_under_way_at_a_crash_is_in_doubt_and_reissued",
        ),
    ),
    Fault(
        "SIGSTOP beyond the lease, then SIGCONT",
        "the other worker's result stands; the zombie's is superseded, its cost kept",
        (
            "chaos/test_processes.py::test_zombie_is_superseded_and_its_cost_kept",
            "daemon/test_process.py::test_zombie_changes_nothing",
            "sql/test_completion.py::test_a_zombie_cannot_overwrite",
        ),
    ),
    Fault(
        "SIGSTOP of a worker that holds the doorbell",
        "inserts commit at once, others serve them",
        ("chaos/test_processes.py::test_frozen_sleeper_holds_up_nobody",),
    ),
    Fault(
        "SIGTERM at full load; a second one",
        "graphs stop at a step, attempts are given back, status 0 within the time to drain; the"
        " second ends at once",
        (
            "chaos/test_processes.py::test_drain_ends_graphs_at_a_step",
            "daemon/test_process.py::test_sigterm_waits_for_what_runs",
            "daemon/test_process.py::test_drain_gives_back_what_takes_too_long",
            "daemon/test_process.py::test_second_signal_ends_at_once",
        ),
    ),
    Fault(
        "SIGTERM while an agent cannot be stopped, or a thread computes for ever",
        "the process ends all the same",
        ("chaos/test_processes.py::test_stop_does_not_wait_for_who_cannot_be_stopped",),
    ),
    Fault(
        "an agent holds the event loop for two lease times",
        "no lease is lost, the worker recovers",
        (
            "chaos/test_processes.py::test_blocked_loop_keeps_its_work_and_recovers",
            "daemon/test_lease.py::test_blocked_loop_keeps_its_leases",
        ),
    ),
    Fault(
        "an event loop that never comes back",
        "status 70, leases lapse, the work moves on",
        (
            "chaos/test_processes.py::test_work_of_a_dead_loop_moves_on",
            "daemon/test_process.py::test_wedged_loop_ends_the_process",
        ),
    ),
    Fault(
        "agents that call `sys.exit`, raise KeyboardInterrupt, recurse, cancel themselves, refuse"
        " to be cancelled: alone, in a graph's node, in its thread",
        "an attempt each and nothing else; the slot is free after deadline and grace",
        (
            "chaos/test_hostile_agents.py::test_whatever_an_agent_raises",
            "chaos/test_hostile_agents.py::test_slot_of_a_shielded_agent_is_free_again",
            "daemon/test_journey.py::test_hostile_agents_do_not_take_the_daemon_down",
        ),
    ),
    Fault(
        "a request that kills its worker again and again",
        "failed as `lost` when its attempts are used up, at the latest after five",
        ("sql/test_lease.py::test_a_killer_is_stopped",),
    ),
    Fault(
        "it does so among others that run beside it",
        "lost together for the second time, they run again one by one; the others are answered",
        ("sql/test_lease.py::test_a_killers_neighbours_outlive_it",),
    ),
    Fault(
        "a service of the daemon dies",
        "status 70, never a daemon without its listener",
        (
            "daemon/test_process.py::test_side_task_that_dies_ends_the_process",
            "daemon/test_lifecycle.py::test_dead_service_takes_the_group_down",
            "daemon/test_lifecycle.py::test_nobody_outlives_a_dead_service",
        ),
    ),
)

DATABASE = (
    Fault(
        "four immediate restarts of PostgreSQL under full load",
        "nothing that was at work runs again, limits stay exact",
        (
            "chaos/test_database.py::test_crashed_four_times",
            "sql/test_lease.py::test_a_crash_of_the_server_kills_no_work",
            "sql/test_claim.py::test_after_a_crash_running_work_still_counts",
        ),
    ),
    Fault(
        "each kind of connection terminated, under work and in sleep",
        "no wake-up lost without polling, results written once",
        (
            "chaos/test_database.py::test_connections_terminated",
            "daemon/test_listener.py::test_terminated_backend_is_replaced",
            "daemon/test_completer.py::test_unknown_commit_is_sent_again",
        ),
    ),
    Fault(
        "the connection breaks after a claim's commit, before its answer",
        "what was taken goes back into the queue: no attempt spent, no worker counted as lost",
        ("daemon/test_claimer.py::test_a_claim_whose_answer_is_lost_costs_no_attempt",),
    ),
    Fault(
        "half-open connections: nothing arrives and nothing fails",
        "given up after twice the server's limit for a statement, replaced, sent again",
        (
            "chaos/test_database.py::test_half_open_connections",
            "daemon/test_listener.py::test_silent_connection_is_noticed_and_replaced",
            "daemon/test_lease.py::test_black_hole_does_not_hold_the_heartbeat",
        ),
    ),
    Fault(
        "the database is away",
        "`/health` 200, `/ready` 503; what ended is written once it is back, no attempt is used",
        (
            "chaos/test_database.py::test_results_wait_for_the_database",
            "daemon/test_process.py::test_open_core_answers_while_the_database_is_away",
            "daemon/test_process.py::test_start_waits_for_the_database",
        ),
    ),
    Fault(
        "the database is away while a model answers, for longer than a lease",
        "the answer is booked when it is back, however late, and the next attempt replays it;"
        " where another worker was quicker than the booking, both answers are booked",
        (
            "daemon/test_llm_outage.py::test_a_paid_answer_outlasts_any_absence_of_the_database",
            "daemon/test_llm_outage.py::test_who_has_an_answer_to_book_does_not_buy_it_again",
            "daemon/test_llm_outage.py::test_a_stop_does_not_wait_for_a_database_that_stays_away",
            "sql/test_journal.py::test_a_second_answer_to_the_same_call_is_a_duplicate",
        ),
    ),
    Fault(
        "the primary lost under load, again and again; it comes back for a moment",
        "the standby takes over: what was confirmed is there and ends once",
        ("chaos/test_failover.py::test_promotions_under_load",),
    ),
    Fault(
        "a crash of PostgreSQL with a claim on its way to the disk",
        "runs again under a fence of its own, also by the same worker; no model was asked before"
        " the claim was on disk",
        (
            "chaos/test_database.py::test_crash_undoes_a_claim",
            "sql/test_claim.py::test_after_a_crash_no_fence_is_valid_twice",
            "sql/test_calls_together.py::test_first_call_of_an_attempt_waits_for_the_disk",
            "sql/test_machine.py::test_any_order_of_events",
        ),
    ),
    Fault(
        "a failover to a copy that lost the claim",
        "runs again; the old owner is told that it is foreign",
        (
            "chaos/test_database.py::test_promotion_that_lost_the_claim",
            "sql/test_completion.py::test_a_stranger_is_told",
            "sql/test_claim.py::test_a_claim_waits_where_ends_would_not",
        ),
    ),
    Fault(
        "no connection to be had",
        "waits with growing pauses, dies of nothing, goes on",
        ("chaos/test_database.py::test_no_connection_to_be_had",),
    ),
    Fault(
        "slow reads hold every reader's connection",
        "claims, results and leases wait for none of them",
        ("chaos/test_load.py::test_readers_that_hold_every_connection",),
    ),
    Fault(
        "PgBouncer in transaction mode",
        "polls and says so once; LISTEN prefers a direct URL",
        (
            "daemon/test_pgbouncer.py::test_journey_by_polling",
            "daemon/test_pgbouncer.py::test_unpooled_url_is_preferred",
        ),
    ),
    Fault(
        "PgBouncer in session mode",
        "hears and cancels as without it; doctor says which it is",
        (
            "daemon/test_pgbouncer.py::test_journey_in_session_mode",
            "daemon/test_pgbouncer.py::test_doctor_in_session_mode",
        ),
    ),
    Fault(
        "the database, or the role, is set to REPEATABLE READ or SERIALIZABLE, or ends idle"
        " sessions",
        "our sessions set it otherwise; behind a pooler the start is refused, with the remedy",
        (
            "chaos/test_database.py::test_a_database_whose_transactions_see_what_was",
            "daemon/test_database.py::test_idle_sessions_are_ours_to_end",
            "daemon/test_pgbouncer.py::test_sessions_with_lasting_snapshots_are_refused",
        ),
    ),
    Fault(
        "the server's notification queue fills up",
        "inserts, cancels and answers commit all the same",
        ("sql/test_main_app_writes.py::test_full_notification_queue",),
    ),
    Fault(
        "10,000 notifications: 7,999 bytes, forged, malformed",
        "at most 20 looks at the queue a second, no line of log for them",
        (
            "chaos/test_load.py::test_flood_of_notifications",
            "daemon/test_listener.py::test_only_the_exact_form_is_a_cancel",
        ),
    ),
    Fault(
        "an old snapshot keeps every finished row in the index",
        "claims read more pages, in proportion, and find what there is",
        ("chaos/test_load.py::test_snapshot_that_is_held",),
    ),
    Fault(
        "the head row is locked; the table is locked whole",
        "the next row is taken; leases live on",
        (
            "sql/test_claim.py::test_locked_rows_are_stepped_round",
            "chaos/test_database.py::test_table_locked_whole",
            "sql/test_lease.py::test_renewal_survives_a_locked_table",
            "daemon/test_completer.py::test_locked_row_holds_up_nobody_else",
        ),
    ),
    Fault(
        "disk full, read-only server, serialisation failure, deadlock",
        "nothing is half done, goes on by itself",
        (
            "chaos/test_database.py::test_server_that_refuses_for_a_while",
            "daemon/test_process.py::test_a_role_that_may_write_nothing",
        ),
    ),
    Fault(
        "a row that cannot be stored in a batch of results",
        "the others are stored, a bad projection costs no result",
        (
            "sql/test_store.py::test_poison_in_a_batch",
            "sql/test_store.py::test_bad_typed_rows_cost_no_result",
        ),
    ),
    Fault(
        "a migration raced by three, killed midway, behind a pooler",
        "one applies it, all start",
        (
            "sql/test_migrate.py::test_three_at_once",
            "sql/test_migrate.py::test_killed_midway",
            "sql/test_migrate.py::test_a_pooler_makes_the_lock_worthless",
        ),
    ),
    Fault(
        "the next release rolled out and back under load",
        "both work side by side, on either schema; the app meets no error",
        (
            "chaos/test_upgrade.py::test_rolling_upgrade",
            "chaos/test_upgrade.py::test_a_schema_that_needs_newer_code",
        ),
    ),
    Fault(
        "a migration of full tables, and behind a long transaction",
        "holds no table while it reads it; the app passes",
        (
            "sql/test_busy.py::test_no_lock_grows_with_the_rows",
            "sql/test_busy.py::test_the_app_passes_a_waiting_migration",
        ),
    ),
    Fault(
        "an older service's tables",
        "adopted with their rows, or left alone",
        ("sql/test_migrate.py::test_script_for_a_dba",),
    ),
    Fault(
        "the database's clock jumps by an hour",
        "nobody is taken for dead; leases too far ahead are clamped; slots go on where it goes on",
        (
            "daemon/test_upkeep.py::test_jump_of_the_clock_rescues_nobody",
            "sql/test_lease.py::test_a_clock_that_jumps_forward",
            "sql/test_lease.py::test_a_clock_that_jumps_back",
            "daemon/test_schedule.py::test_a_clock_that_was_ahead_silences_no_schedule",
        ),
    ),
)

NETWORK = (
    Fault(
        "daemons on hosts of their own over cables with 50 to 200 ms there and back and 5 to 10 %"
        " loss: one is cut off, is not heard, hears nothing, has a loose contact, loses its power;"
        " the database is cut off from all",
        "every request ends once, nothing is bought twice without a doubt, who is alone gives up"
        " what it holds, and all are back by themselves",
        ("chaos/test_hosts.py::test_daemons_on_hosts_of_their_own",),
    ),
    Fault(
        "a host vanishes without a word",
        "each session has the server notice within a minute; agents' reads over a lost route fail",
        ("daemon/test_several_hosts.py::test_vanished_hosts_leave_no_sessions",),
    ),
    Fault(
        "the first of several servers in the URL does not answer",
        "the next one is taken",
        (
            "daemon/test_several_hosts.py::test_service_with_a_standby_in_its_url",
            "daemon/test_several_hosts.py::test_agents_find_the_living_host",
        ),
    ),
    Fault(
        "a redirect, or a name, leads to where nothing is to be reached",
        "not followed, not asked",
        (
            "daemon/test_outgoing.py::test_a_model_cannot_send_data_on",
            "daemon/test_outgoing.py::test_a_name_that_leads_inside",
        ),
    ),
)

PEOPLE = (
    Fault(
        "cron under three daemons, late starts, daylight saving",
        "one request per slot",
        (
            "daemon/test_schedule.py::test_one_request_per_slot_however_many_daemons",
            "daemon/test_schedule.py::test_time_that_a_change_skips_has_no_slot",
            "daemon/test_schedule.py::test_time_that_comes_twice_has_one_slot",
        ),
    ),
    Fault(
        "unknown task type, bad input",
        "failed at once, the field named, no attempt; also with every slot taken",
        (
            "daemon/test_journey.py::test_unknown_type_fails_at_once",
            "daemon/test_journey.py::test_bad_input_is_told_while_every_slot_is_taken",
        ),
    ),
    Fault(
        "50 MB of input",
        "refused unread, memory stays",
        (
            "chaos/test_load.py::test_input_of_fifty_megabytes",
            "sql/test_main_app_writes.py::test_ten_megabytes",
            "sql/test_store.py::test_large_input",
        ),
    ),
    Fault(
        "the app sets id, status, dates",
        "forced to a fresh request; its insert never fails",
        (
            "sql/test_main_app_writes.py::test_orm_row",
            "sql/test_main_app_writes.py::test_impossible_values",
        ),
    ),
    Fault(
        "the app commits late, or rolls back",
        "seen at the commit without polling; nothing",
        (
            "chaos/test_load.py::test_app_commits_late",
            "daemon/test_journey.py::test_rolled_back_insert_is_never_seen",
            "daemon/test_journey.py::test_insert_racing_with_sleep_is_not_missed",
        ),
    ),
    Fault(
        "one tenant floods the queue",
        "the others take their turns",
        (
            "sql/test_claim.py::test_a_flood_does_not_starve_others",
            "sql/test_claim.py::test_a_full_tenant_blocks_nobody",
        ),
    ),
    Fault(
        "cancels in every state, racing the result",
        "one end each; no model call after it",
        (
            "chaos/test_load.py::test_cancel_races_completion",
            "chaos/test_load.py::test_cancel_buys_nothing_more",
            "daemon/test_journey.py::test_cancel_of_a_running_request",
            "daemon/test_journey.py::test_cancel_of_a_pending_request",
            "sql/test_completion.py::test_a_finished_result_wins_over_a_cancel",
        ),
    ),
    Fault(
        "an answer races the question's suspension",
        "never lost",
        ("sql/test_sweep.py::test_answers_race_suspension",),
    ),
    Fault(
        "the model's answer comes after a cancel or a lost lease",
        "booked; the new owner replays it",
        (
            "sql/test_journal.py::test_a_zombies_late_answer_is_money_and_serves_the_next_owner",
            "daemon/test_llm_gateway.py::test_a_cancelled_attempt_settles_its_call",
        ),
    ),
    Fault(
        "a model is found to refuse a parameter, or a deploy changes model, temperature or"
        " fallbacks, while a request waits or changes hands",
        "what it bought before is replayed; another question is bought",
        (
            "daemon/test_llm_replay.py::test_what_an_attempt_learns_costs_none_of_its_answers",
            "daemon/test_llm_replay.py::test_what_others_learn_costs_no_answer",
            "daemon/test_llm_replay.py::test_settings_that_change_cost_no_answer",
            "daemon/test_llm_replay.py::test_another_question_is_bought",
        ),
    ),
    Fault(
        "racing calls on one budget",
        "never exceeded, sums equal the ledger",
        (
            "sql/test_journal.py::test_fifty_racing_tasks_never_exceed_one_budget",
            "daemon/test_llm_gateway.py::test_thirty_requests_on_one_budget_never_exceed_it",
        ),
    ),
    Fault(
        "all of it at random, three daemons, no polling",
        "every request ends once, limits hold, no wake-up is lost, every end is told",
        (
            "chaos/test_run.py::test_short_chaos",
            "sql/test_machine.py::test_any_order_of_events",
            "sql/test_locks.py::test_no_deadlock",
        ),
    ),
)

CHAPTERS = (
    ("Workers", WORKERS),
    ("Database", DATABASE),
    ("Network", NETWORK),
    ("People and the main app", PEOPLE),
)


INTRODUCTION = """\
# Faults

What may go wrong, what is promised for it, and the tests that make it happen, with real processes,
real signals and a real PostgreSQL. After each fault `tests/chaos/invariants.py` asks the database
whether every promise was kept: one end and one result per request, fences and attempts that add
up, no stray lease, no limit or budget exceeded, budgets equal to the ledger, and the ledger equal
to what the model server was asked. What began is written down outside of the database as well,
where no crash can undo it: nothing may begin twice under one fence, or without a free slot.

`make chaos MINUTES=10 SEED=7` mixes them at random: three daemons that do not poll are killed,
frozen, cut off and replaced under load. It prints its seed and ends with the table of invariants.
With `ARGS=--hosts`, as root on Linux, each lives on a host of its own, and the network between
them breaks.

`python -m tests.chaos.catalogue` writes this file.
"""
PROVIDER = """
## The model provider

Each line is executed by `daemon/test_llm_faults.py`, over HTTP, for requests that want to
`degrade`, `wait` or `fail` when the model is not to be had.

| fault | what happens | without an answer | `wait` | `fail` ends with |
|---|---|---|---|---|"""


def write() -> str:
    """The document."""
    lines = [INTRODUCTION.rstrip()]
    for title, faults in CHAPTERS:
        lines += ["", f"## {title}", "", "| fault | promise | tests |", "|---|---|---|"]
        for fault in faults:
            tests = "<br>".join(f"`{test}`" for test in fault.tests)
            lines.append(f"| {fault.what} | {fault.promise} | {tests} |")
    lines.append(PROVIDER)
    for one in PROVIDER_FAULTS:
        reason = f"degraded: {one.reason}" if one.reason else "answered"
        waits = "snoozed" if one.waits == "snooze" else "answered or degraded"
        lines.append(f"| {one.name} | {one.says} | {reason} | {waits} | {one.fails or ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(write())
