"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.code.model import Analysis, Severity
from agents.code.results import Shown

NAME: Final = "FitnessCRM AI Orchestrator"
LEVELS: Final[Mapping[Severity, str]] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
}


@dataclass(frozen=True, slots=True)
class Report:
    """analysis: counts, tools, what was skipped; findings: those to show, best first; absent:
    fingerprints of a baseline that are gone; compared: whether there is a baseline or a change to
    compare with; version: of this service."""

    analysis: Analysis
    findings: tuple[Shown, ...]
    absent: tuple[str, ...] = ()
    compared: bool = False
    version: str = ""
    seconds: float = 0.0

    @property
    def fresh(self) -> tuple[Shown, ...]:
        """What counts: the new ones, or all where nothing is compared."""
        if not self.compared:
            return self.findings
        return tuple(item for item in self.findings if item.finding.new is not False)

    def json(self) -> dict[str, Any]:
        """The whole report as plain JSON."""
        return {
            "findings": [item.json() for item in self.findings],
            "counts": self.analysis.counts(),
            "new": len(self.fresh) if self.compared else None,
            "absent": list(self.absent),
            "skipped": [
                {"file": item.file, "reason": item.reason, "detail": item.detail}
                for item in self.analysis.skipped
            ],
            "tools": [
                {
                    "name": run.name,
                    "version": run.version,
                    "status": run.status,
                    "seconds": round(run.seconds, 3),
                    "findings": run.findings,
                    "detail": run.detail,
                }
                for run in self.analysis.tools
            ],
            "files": self.analysis.files,
            "lines": self.analysis.lines,
            "notes": list(self.analysis.notes),
            "public_routes": list(self.analysis.public_routes),
            "suppressed": len(self.analysis.suppressed),
            "seconds": round(self.seconds, 2),
        }
