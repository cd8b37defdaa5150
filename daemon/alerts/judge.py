"""What a check's result means for its alert."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.alerts.machine import Kind, Sample, Severity
from daemon.health.model import CheckResult

CLEAR_SHARE = 0.9
"""Good is only what is below this share of the limit: a second limit, or it would flap."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged result, with what a message about it says.

    threshold: the limit that was passed, or would be passed first. blind: the check could not be
    made, however often by now, is explained by another, or names only the worst of its targets; it
    tells nothing about those that it does not name.
    """

    check: str
    target: str
    sample: Sample
    value: float | None = None
    threshold: float | None = None
    message: str = ""
    remedy: str = ""
    blind: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.check, self.target


def judge(result: CheckResult, *, target: str | None = None) -> Finding:
    """A result as the state machine takes it. target: instead of the result's own."""
    severity: Severity = "critical" if result.status == "critical" else "warning"
    limit = result.critical if severity == "critical" else result.warning
    kind = _kind(result)
    return Finding(
        result.check,
        result.target if target is None else target,
        Sample(kind, severity),
        result.value,
        limit if limit is not None else result.critical,
        result.message,
        result.remedy,
        kind == "unseen" or (kind == "bad" and result.value is None),
    )


def _kind(result: CheckResult) -> Kind:
    if result.alarming:
        return "bad"
    if result.status in ("unknown", "warning", "critical"):
        return "unseen"
    return "good" if result.status == "notice" or _clear(result) else "between"


def _clear(result: CheckResult) -> bool:
    limit = result.warning if result.warning is not None else result.critical
    if result.value is None or limit is None:
        return True
    if result.worse == "low":
        return result.value > limit / CLEAR_SHARE or limit <= 0
    return result.value < limit * CLEAR_SHARE or limit <= 0
