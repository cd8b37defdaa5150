"""Which findings come first: severity times confidence times reach."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from agents.code.model import Confidence, Finding, Severity

SEVERITY_WEIGHT: Final[dict[Severity, float]] = {
    "critical": 10.0,
    "high": 6.0,
    "medium": 3.0,
    "low": 1.0,
}
CONFIDENCE_WEIGHT: Final[dict[Confidence, float]] = {"high": 1.0, "medium": 0.7, "low": 0.4}
PUBLIC, CHANGED, CRASHED = 1.3, 1.5, 1.5
"""Factors: reached without a login, lies in the change, its function failed lately."""


def weight(finding: Finding, crashed: Collection[tuple[str, str]] = ()) -> float:
    """How pressing a finding is; above 0, without a unit.

    crashed: file and scope of functions that appear in recent stack traces.
    """
    value = SEVERITY_WEIGHT[finding.severity] * CONFIDENCE_WEIGHT[finding.confidence]
    if finding.public:
        value *= PUBLIC
    if finding.new:
        value *= CHANGED
    if (finding.file, finding.scope) in crashed:
        value *= CRASHED
    return value


def ranked(
    findings: Iterable[Finding], crashed: Collection[tuple[str, str]] = ()
) -> list[Finding]:
    """The findings, the most pressing first; equals by file and line."""
    return sorted(
        findings,
        key=lambda item: (-weight(item, crashed), item.file, item.line, item.column, item.rule),
    )
