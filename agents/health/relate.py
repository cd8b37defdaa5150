"""Which trouble explains which, so that one cause is one alarm.

A result is put down to its cause where the cause is at least as bad; where it is worse than its
cause it stays an alarm of its own, and its message names the cause all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.health.checks import SEVERITY, CheckResult

CONNECT = "database.connect"
TRANSACTIONS = (
    "database.idle_in_transaction",
    "database.long_transaction",
    "database.hidden_transaction",
)
PROVIDER_REASONS = frozenset({"breaker_open", "provider_error", "timeout"})


@dataclass(frozen=True, slots=True)
class Relation:
    """``symptom`` comes from ``cause``, if ``fits``. words: what is added to the message."""

    symptom: str
    cause: str
    words: str
    fits: Callable[[CheckResult, CheckResult], bool] = lambda _symptom, _cause: True


def _listens(_: CheckResult, cause: CheckResult) -> bool:
    """A listening session is in the transaction, or nobody can tell whose it is."""
    application = str(cause.detail.get("application") or "")
    return application.endswith("/listener") or not application.startswith("ai-daemon/")


def _for_want_of_money(symptom: CheckResult, _: CheckResult) -> bool:
    return symptom.detail.get("reasons") == ["budget_exhausted"]


def _for_want_of_the_provider(symptom: CheckResult, _: CheckResult) -> bool:
    reasons = symptom.detail.get("reasons") or []
    return bool(reasons) and set(reasons) <= PROVIDER_REASONS


def _provider_failed(symptom: CheckResult, _: CheckResult) -> bool:
    codes = symptom.detail.get("codes") or []
    return bool(codes) and set(codes) <= {"provider_unavailable", "timeout"}


OUTAGE = "the provider fails"
RELATIONS = (
    *(
        Relation("listener.queue_usage", check, "a listener's transaction holds it up", _listens)
        for check in TRANSACTIONS
    ),
    Relation("queue.oldest_pending", "database.blocked", "a lock holds it up"),
    Relation("queue.oldest_pending", "workers.heartbeat", "no daemon is alive"),
    Relation("queue.stuck_lease", "database.blocked", "a lock holds it up"),
    Relation("queue.stuck_lease", "workers.heartbeat", "no daemon is alive"),
    Relation("listener.sessions", "workers.heartbeat", "no daemon is alive"),
    Relation("agents.retry_storm", "model.error_rate", OUTAGE),
    Relation("agents.failure_rate", "model.error_rate", OUTAGE, _provider_failed),
    Relation("agents.degraded", "model.error_rate", OUTAGE, _for_want_of_the_provider),
    Relation("model.provider", "model.error_rate", OUTAGE),
    Relation("agents.degraded", "model.budget", "the budget is spent", _for_want_of_money),
    Relation("database.dead_tuples", "database.xmin_horizon", "vacuum is held up"),
    Relation("database.autovacuum_late", "database.xmin_horizon", "vacuum is held up"),
    *(
        Relation("database.xmin_horizon", check, "that transaction holds it")
        for check in TRANSACTIONS
    ),
)


def relate(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results with their causes. A database that does not answer explains everything else."""
    by_id = {result.check: result for result in results}
    return [
        replace(
            _explained(result, by_id),
            others=tuple(_explained(other, by_id) for other in result.others),
        )
        for result in results
    ]


def _explained(result: CheckResult, by_id: Mapping[str, CheckResult]) -> CheckResult:
    connect = by_id.get(CONNECT)
    if connect is not None and connect.status == "critical":
        fine = result.check == CONNECT or result.status == "healthy"
        return result if fine else _put_down(result, CONNECT)
    if not SEVERITY[result.status]:
        return result
    for relation in RELATIONS:
        if relation.symptom != result.check:
            continue
        cause = by_id.get(relation.cause)
        if cause is None or not SEVERITY[cause.status] or not relation.fits(result, cause):
            continue
        named = replace(
            result,
            message=f"{result.message} It comes from {cause.check}: {_because(relation, cause)}.",
        )
        if SEVERITY[cause.status] >= SEVERITY[result.status]:
            return _put_down(named, cause.check)
        return named
    return result


def _because(relation: Relation, cause: CheckResult) -> str:
    """The relation's words, and whom to turn to."""
    pid = cause.detail.get("blocker") or cause.detail.get("pid")
    return relation.words if pid is None else f"{relation.words} (pid {pid})"


def _put_down(result: CheckResult, cause: str) -> CheckResult:
    return replace(result, caused_by=cause)
