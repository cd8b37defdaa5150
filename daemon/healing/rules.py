"""Every rule by name: how it stands by default, how often it may act, what it does.

Two kinds. A *reflex* is part of how the service works anyway (a lease that ran out is rescued, a
deaf listener is replaced); here it is only written down, so that an admin sees it. An *action* is
taken by :mod:`daemon.healing.engine`: within the rule's cool-down and hourly cap, and never more
than ``TOTAL_PER_HOUR`` of all actions together.

A rule's mode is set by name in the health agent's config, as in ``{"healing": {"vacuum_own":
"propose"}}``: auto, propose, dry_run or off; for a reflex, off means not written down.
``ENABLE_SELF_HEALING=false`` stops all actions, and what is written down is only what is
correctness rather than healing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["auto", "propose", "dry_run"]
Setting = Literal["auto", "propose", "dry_run", "off"]

TOTAL_PER_HOUR = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """cap: most actions in an hour, None for no limit. reflex: only written down.

    checks: the health checks that lead to it, the first one named in its rows; () for a rule that
    looks by itself. every_seconds: between two looks, where what is looked for changes slowly.
    """

    name: str
    does: str
    mode: Mode = "auto"
    cool_down_seconds: float = 60.0
    cap: int | None = None
    checks: tuple[str, ...] = ()
    reflex: bool = False
    every_seconds: float = 0.0


def _reflex(name: str, does: str, *checks: str, pause_seconds: float = 60.0) -> Rule:
    return Rule(name, does, "auto", pause_seconds, None, checks, reflex=True)


_RULES = (
    _reflex(
        "rescue_lease",
        "a request whose worker died is pending again",
        "queue.stuck_lease",
        pause_seconds=0.0,
    ),
    _reflex("restart_listener", "a silent listening connection is replaced", "listener.canary"),
    _reflex(
        "poll_instead",
        "while notifications do not arrive the queue is looked at every 2 seconds",
        "listener.canary",
        pause_seconds=600.0,
    ),
    _reflex(
        "open_breaker",
        "a model that fails is left alone for a while, doubled each time; requests wait",
        "model.error_rate",
        pause_seconds=600.0,
    ),
    _reflex(
        "fallback_model",
        "the next model of LLM_FALLBACK_MODELS is asked",
        "model.error_rate",
        pause_seconds=600.0,
    ),
    _reflex(
        "answer_without_model",
        "agents answer from their numbers alone, and say so",
        "agents.degraded",
        pause_seconds=600.0,
    ),
    _reflex(
        "set_guards",
        "each connection limits statements, locks and idle transactions",
        pause_seconds=0.0,
    ),
    _reflex("prune", "rows past their time are deleted in batches", "queue.retention"),
    _reflex(
        "catch_up_schedule",
        "the newest missed slot of a schedule is run, once",
        "schedules.late",
        pause_seconds=0.0,
    ),
    Rule(
        "recycle_pool",
        "after three connection errors in half a minute the pool's connections are replaced",
        "auto",
        60.0,
        10,
        ("database.connect",),
    ),
    Rule(
        "pause_agent",
        "an agent that mostly fails while the provider works is paused for 5 minutes, then tries"
        " one request at a time; the third time it stays paused",
        "auto",
        300.0,
        3,
        ("agents.failure_rate",),
    ),
    Rule(
        "back_off",
        "this worker takes half as many requests at once, then one more every half minute",
        "auto",
        10.0,
        20,
        ("workers.pool_wait", "workers.memory", "workers.loop_lag", "database.connections"),
    ),
    Rule(
        "end_own_idle_transaction",
        "a session of this service that does nothing in a transaction for 5 minutes is ended",
        "auto",
        60.0,
        10,
        ("database.idle_in_transaction",),
    ),
    Rule(
        "yield_to_main_app",
        "a statement of this service that holds up another role for 10 seconds is cancelled",
        "auto",
        10.0,
        20,
    ),
    Rule(
        "vacuum_own",
        "an own table that autovacuum does not get to is vacuumed",
        "auto",
        1800.0,
        2,
        ("database.autovacuum_late",),
    ),
    Rule(
        "shed_cost",
        "while more is spent than the day allows, requests of negative priority to agents that"
        " cost money wait for tomorrow, or for a higher limit",
        "auto",
        600.0,
        6,
    ),
    Rule(
        "restart_self",
        "a worker whose loop was held up for 30 seconds, or that is out of memory, gives its"
        " requests back and starts anew",
        "auto",
        600.0,
        3,
        ("workers.loop_lag", "workers.memory"),
    ),
    Rule(
        "reindex_invalid_own",
        "an own index that is invalid is built anew, what a failed build left is dropped",
        "propose",
        21_600.0,
        1,
        ("database.invalid_index",),
    ),
    Rule(
        "tune_own_autovacuum",
        "an own table of more than 100,000 rows is vacuumed at 2 % dead rows instead of 20 %",
        "propose",
        86_400.0,
        1,
        every_seconds=600.0,
    ),
    Rule(
        "restart_main_app",
        "a main app that has not answered for 5 minutes should be started anew, by a person",
        "propose",
        3600.0,
        1,
        ("main_api.http",),
    ),
    Rule(
        "end_foreign_session",
        "another role's session that holds up the queue for 5 minutes is cancelled, then ended",
        "dry_run",
        600.0,
        2,
    ),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
COUNTED = tuple(rule.name for rule in _RULES if not rule.reflex)
"""The rules that share ``TOTAL_PER_HOUR``."""
