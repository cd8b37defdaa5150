"""When an open alert is told again: for those who did not see it, never for those who did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from daemon.alerts.machine import Severity

REPEAT_AFTER = {"warning": timedelta(hours=4), "critical": timedelta(hours=1)}
ESCALATE_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An open row of ai_alerts, as far as messages depend on it."""

    alert_id: int
    check: str
    target: str
    severity: Severity
    state: Literal["firing", "flapping"]
    opened_at: datetime
    notified_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_by: str | None = None
    silenced_until: datetime | None = None

    def silent(self, now: datetime) -> bool:
        return self.silenced_until is not None and self.silenced_until > now


def reminder(alert: OpenAlert, now: datetime) -> Literal["repeated", "escalated"] | None:
    """Whether a message is due although nothing changed.

    Nobody is reminded of what somebody takes care of, and what flaps was told to flap. A critical
    alert is escalated once, half an hour after it began, or when its silence ends after that.
    """
    if alert.acknowledged_by is not None or alert.silent(now) or alert.state == "flapping":
        return None
    if alert.severity == "critical" and alert.escalated_at is None:
        return "escalated" if now - alert.opened_at >= ESCALATE_AFTER else None
    told = alert.notified_at or alert.opened_at
    return "repeated" if now - told >= REPEAT_AFTER[alert.severity] else None
