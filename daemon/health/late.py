"""Schedules that nobody runs: how late the first slot is that was not taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.health.checks import Check
from agents.health.judge import Limits
from daemon.health.process import Measured
from daemon.trigger import Trigger

LATE = Check(
    id="schedules.late",
    unit="seconds",
    warning=60,
    critical=300,
    every_seconds=60,
    target="schedule",
    needs="SELECT on ai_schedules",
    says="the schedule {schedule} should have run {value} ago",
    remedy="is a daemon ready (workers.heartbeat)? its log says slot_skipped, schedule_delayed or"
    " duty_failed",
)


def late(now: datetime, rows: Iterable[Mapping[str, Any]]) -> list[Measured]:
    """The schedules that are late, each measured by its own limits, the latest by them first.

    rows: of ai_schedules. A schedule is late from half its interval on, critically from two, and
    never within a minute, or five. What cannot be read is ``schedules.problem``.
    """
    found: list[tuple[float, Measured]] = []
    for row in rows:
        if not row["enabled"] or row["problem"]:
            continue
        measured = _late(now, row)
        if measured is None or measured.value is None or measured.limits is None:
            continue
        found.append((measured.value / (measured.limits.warning or 1.0), measured))
    return [measured for _, measured in sorted(found, key=lambda one: one[0], reverse=True)]


def _late(now: datetime, row: Mapping[str, Any]) -> Measured | None:
    try:
        trigger = Trigger(row["trigger"], row["time_zone"])
    except ValueError:
        return None
    slot = trigger.next(max(row["last_slot"] or row["updated_at"], row["updated_at"]))
    if slot is None or slot > now:
        return None
    following = trigger.next(slot)
    interval = (following - slot).total_seconds() if following else 86_400.0
    limits = Limits(max(60.0, interval / 2), max(300.0, 2 * interval))
    return Measured(
        (now - slot).total_seconds(), {"schedule": row["name"], "slot": slot.isoformat()}, limits
    )
