"""What is checked, what a check found, and the words that all of it is said in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast, get_args

Json = Any

Status = Literal["healthy", "notice", "warning", "critical", "unknown"]
"""``notice`` is advice and no alarm. ``unknown`` is what may not or could not be seen: it is never
shown as healthy."""
Component = Literal[
    "database", "listener", "workers", "schedules", "queue", "agents", "model", "main_api"
]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Worse = Literal["high", "low"]

MOST_TARGETS = 10
"""So many targets of one check are told of, the worst; the statements have it as their LIMIT."""

CHECKS: tuple[str, ...] = (
    "database.autovacuum_late",
    "database.autovacuum_off",
    "database.blocked",
    "database.cache_hit",
    "database.checksum_failures",
    "database.connect",
    "database.connections",
    "database.days_to_full",
    "database.dead_tuples",
    "database.deadlocks",
    "database.duplicate_index",
    "database.foreign_key_without_index",
    "database.hidden_transaction",
    "database.idle_in_transaction",
    "database.invalid_index",
    "database.long_transaction",
    "database.prepared_transactions",
    "database.replication_lag",
    "database.replication_slots",
    "database.role_connections",
    "database.sequence_exhaustion",
    "database.settings",
    "database.size",
    "database.slow_statements",
    "database.unused_index",
    "database.visibility",
    "database.writable",
    "database.xid_age",
    "database.xmin_horizon",
    "listener.canary",
    "listener.queue_usage",
    "listener.sessions",
    "workers.clock",
    "workers.heartbeat",
    "workers.loop_lag",
    "workers.memory",
    "workers.pool_wait",
    "workers.schema",
    "workers.vanished",
    "schedules.late",
    "schedules.problem",
    "queue.depth",
    "queue.oldest_pending",
    "queue.rejected",
    "queue.retention",
    "queue.running_without_lease",
    "queue.stuck_lease",
    "queue.waiting_for_person",
    "agents.degraded",
    "agents.failure_rate",
    "agents.p95_drift",
    "agents.paused",
    "agents.problem",
    "agents.retry_storm",
    "model.budget",
    "model.configured",
    "model.error_rate",
    "model.latency_p95",
    "model.provider",
    "main_api.certificate",
    "main_api.http",
    "main_api.watched",
)
"""Every check there is, by component. A test holds this against the statements and the code."""

SEVERITY: Mapping[Status, int] = {
    "healthy": 0,
    "notice": 0,
    "unknown": 0,
    "warning": 1,
    "critical": 2,
}


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked, and from where on the answer is trouble.

    id: ``database.blocked``; the part before the dot is the component.
    warning, critical: limits in ``unit``, a value that reaches one is over it; None for never.
    worse: the side on which trouble lies. notice: over the warning limit it is advice, no alarm.
    every_seconds: pause between two scheduled runs.
    needs: the right without which it may not see everything, '' for none.
    says: the message, with ``{value}`` and names of ``detail``. target: the name in ``detail`` of
    what it is about where there may be several.
    """

    id: str
    unit: str
    warning: float | None
    critical: float | None
    every_seconds: float
    says: str
    remedy: str
    needs: str = ""
    worse: Worse = "high"
    notice: bool = False
    target: str = ""

    @property
    def component(self) -> Component:
        return cast("Component", self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, measured and judged.

    check: its id, ``database.blocked``. component: the part before the dot.
    value: what was compared, in ``unit``; None where there was nothing to judge or to see.
    warning, critical: the limits that held, None for never. worse: the side on which trouble lies.
    message: a sentence with the value and what it is about. detail: JSON for people and rules.
    remedy: what to do. needs: the right without which it cannot see everything, '' for none; where
        it could not be made at all, only if it was for want of it.
    target: what it is about where there may be several (a task type, a table); '' for the whole.
    caused_by: the id of the check whose trouble explains this one; such a result is no alarm of
        its own.
    others: the same check of further targets, none worse than this one.
    """

    check: str
    component: Component
    status: Status
    value: float | None = None
    unit: str = ""
    warning: float | None = None
    critical: float | None = None
    message: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)
    remedy: str = ""
    needs: str = ""
    worse: Worse = "high"
    target: str = ""
    caused_by: str | None = None
    others: tuple[CheckResult, ...] = ()

    @property
    def alarming(self) -> bool:
        """Whether it is trouble, and trouble of its own."""
        return SEVERITY[self.status] > 0 and self.caused_by is None

    def as_json(self) -> dict[str, Json]:
        """A JSON object with the fields' names, without ``others``: the message names them."""
        value = asdict(replace(self, others=())) | {"detail": dict(self.detail)}
        del value["others"]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> CheckResult:
        """What ``as_json`` made."""
        return cls(**value)
