"""Alerts in sentences, for those who read them on a telephone at night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Any
Alert = Mapping[str, Json]

EVENTS = {
    "firing": "{severity}",
    "repeated": "still {severity}",
    "escalated": "{severity}, nobody takes care of it",
    "flapping": "{severity}, comes and goes",
    "resolved": "resolved",
}
_RANK = {"critical": 0, "warning": 1}


def worst_first(alerts: Sequence[Alert]) -> list[Alert]:
    """Open before resolved, critical before warning, else as they came."""
    return sorted(
        alerts, key=lambda one: (one["state"] == "resolved", _RANK.get(one["severity"], 2))
    )


def heading(alerts: Sequence[Alert]) -> str:
    """One line for all of them."""
    first = worst_first(alerts)[0]
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return f"[{_event(first)}] {_subject(first)}{more}"


def lines(alerts: Sequence[Alert]) -> list[str]:
    """What happened, alert by alert, with what to do."""
    told: list[str] = []
    for one in worst_first(alerts):
        told.append(f"{_event(one)}: {_subject(one)}: {_sentence(one)}")
        if one["state"] != "resolved" and one.get("remedy"):
            told.append(f"  what to do: {one['remedy']}")
        if one.get("url"):
            told.append(f"  {one['url']}")
    return told


def lasted(seconds: float) -> str:
    """A duration for people: ``45 seconds``, ``12 minutes``, ``3.5 hours``."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _event(alert: Alert) -> str:
    return EVENTS[alert["event"]].format(severity=alert["severity"])


def _subject(alert: Alert) -> str:
    return f"{alert['check']} ({alert['target']})" if alert.get("target") else str(alert["check"])


def _sentence(alert: Alert) -> str:
    if alert["state"] != "resolved":
        return str(alert["message"])
    healed = f", healed by {alert['healed_by']}" if alert.get("healed_by") else ""
    return f"over after {lasted(alert['lasted_seconds'] or 0)}{healed}"
