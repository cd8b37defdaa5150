"""The only way to the queue's tables: every statement of ``sql/`` behind a typed method.

:class:`Store` runs on the hot pool. :func:`lease_renew` runs on the heartbeat's own connection, in
its own thread; :func:`doorbell_lock` and :func:`doorbell_unlock` on the listener's.

Order of locks, the same in every function, so that no two of ours can deadlock:

1. the advisory lock of the claim (claim only; held to the end of its transaction) or of the reaper
   (only tried, never waited for);
2. rows of ``ai_requests``, in the order of their id. Whoever takes several at once and need not
   have them all skips those that are held (claim, reaper, sweep, refuse, prune); only completion
   and adoption after a crash wait;
3. rows of ``ai_leases`` and ``ai_attempts`` of those requests. The heartbeat, which holds no
   request, skips lease rows that are held and so waits for nobody;
4. rows of ``ai_control``, only by a claim, only skipping;
5. ``NOTIFY``, which is sent at commit.

The one exception comes from outside: a person's answer locks its row of ``ai_approvals`` first,
then, in the trigger, the request. Whoever holds a request therefore never waits for a row of
``ai_approvals``.
"""

from __future__ import annotations

from daemon.store.code import CodeSource, CodeStore
from daemon.store.completion import CompletionStore
from daemon.store.executor import Pool
from daemon.store.fleet import FleetStore
from daemon.store.health import HealthStore
from daemon.store.lease import doorbell_lock, doorbell_unlock, lease_renew
from daemon.store.outcomes import OutcomeStore
from daemon.store.progress import ProgressStore
from daemon.store.retention import RetentionStore
from daemon.store.values import (
    AgentRow,
    Approval,
    Claim,
    Event,
    Finished,
    InputTooLarge,
    Key,
    Load,
    Rescued,
    ScheduleRow,
    Sweep,
    Swept,
    Unchecked,
    Verdict,
)
from daemon.store.work import WorkStore

__all__ = [
    "AgentRow",
    "Approval",
    "Claim",
    "CodeSource",
    "Event",
    "Finished",
    "InputTooLarge",
    "Key",
    "Load",
    "Pool",
    "Rescued",
    "ScheduleRow",
    "Store",
    "Sweep",
    "Swept",
    "Unchecked",
    "Verdict",
    "doorbell_lock",
    "doorbell_unlock",
    "lease_renew",
]


class Store(
    WorkStore,
    CompletionStore,
    ProgressStore,
    FleetStore,
    HealthStore,
    RetentionStore,
    OutcomeStore,
    CodeStore,
):
    """Every statement of the queue, on one pool. Safe to share between tasks."""
