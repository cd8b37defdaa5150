"""Alerts in sentences, for those who read them on a telephone at night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Json = Any
Alert = Mapping[str, Json]

EVENTS = {
    "firing": "{severity}",
    "repeated": "still {severity}",
    "escalated": "{severity}, nobody takes care of it",
    "flapping": "{severity}, comes and goes",
    "resolved": "resolved",
    "test": "test",
}
GONE = "nothing reports it any more"
"""``healed_by`` of what went without getting better: its worker, or its check."""
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
    service = f"{first['service']} " if first.get("service") else ""
    return f"{service}[{_event(first)}] {_subject(first)}{more}"


def lines(alerts: Sequence[Alert]) -> list[str]:
    """What happened, alert by alert, with what to do."""
    told: list[str] = []
    for one in worst_first(alerts):
        told.append(f"{_event(one)}: {_subject(one)}: {_sentence(one)}")
        if one["state"] != "resolved" and one.get("remedy"):
            told.append(f"  what to do: {one['remedy']}")
        told.append(f"  {_which(one)}")
    return told


def lasted(seconds: float) -> str:
    """A duration for people: ``45 seconds``, ``12 minutes``, ``3.5 hours``."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _event(alert: Alert) -> str:
    if alert["event"] == "escalated" and alert.get("was"):
        return f"{alert['severity']}, was a {alert['was']}"
    return EVENTS[alert["event"]].format(severity=alert["severity"])


def _subject(alert: Alert) -> str:
    return f"{alert['check']} ({alert['target']})" if alert.get("target") else str(alert["check"])


def _sentence(alert: Alert) -> str:
    if alert["state"] != "resolved":
        return str(alert["message"])
    ended = alert.get("healed_by")
    how = "" if not ended else f": {ended}" if ended == GONE else f", healed by {ended}"
    return f"over after {lasted(alert['lasted_seconds'] or 0)}{how}"


def _which(alert: Alert) -> str:
    """Since when, and what it takes to acknowledge it or to look at it in the console."""
    since = datetime.fromisoformat(alert["since"]).astimezone(UTC)
    named = (
        f"; alert {alert['alert']}, in the console at {alert['url']}" if alert.get("url") else ""
    )
    return f"since {since:%Y-%m-%d %H:%M} UTC{named}"
