"""What an analysis of code says: findings, what was skipped, which tools ran.

A `Finding` is one thing a person should know about one place. Its `fingerprint` is its name for
life: it follows the rule, the file, the enclosing function and the text of the line, never the
line's number (`agents.code.fingerprint`). Severity is how bad it would be, confidence how sure the
analysis is: high where a flow of data was proved, medium for a pattern, low for a suspicion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

IssueType = Literal["bug", "security", "performance", "style", "error"]
Severity = Literal["critical", "high", "medium", "low"]
Confidence = Literal["high", "medium", "low"]
Kind = Literal["snippet", "files", "diff", "directory"]
"""snippet: one file without its project, so that rules across files cannot run."""

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low")
"""Worst first."""
CONFIDENCES: Final[tuple[Confidence, ...]] = ("high", "medium", "low")
ISSUE_TYPES: Final[tuple[IssueType, ...]] = ("bug", "security", "performance", "style", "error")

ToolStatus = Literal["ok", "failed", "absent", "not_needed"]


@dataclass(frozen=True, slots=True)
class Step:
    """A place on the way from where data enters to where it does harm. line: from 1."""

    file: str
    line: int
    note: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about one place.

    rule: our own name (``sql-injection``) or a tool's (``F821``); aliases: what other tools call
    it. file: relative, with ``/``. line, end_line: from 1; column: from 1. scope: the qualified
    name of the enclosing function or class (``Class.method``), "" at module level. cwe: a number
    of the Common Weakness Enumeration, or None. evidence: the line's text as it stands, not yet
    masked. taint_path: source first, empty for patterns. sources: the tools that say so. new: does
    it lie in what was changed; None where nobody asked.
    """

    rule: str
    file: str
    line: int
    message: str
    issue_type: IssueType
    severity: Severity
    confidence: Confidence
    end_line: int = 0
    column: int = 1
    scope: str = ""
    cwe: int | None = None
    evidence: str = ""
    taint_path: tuple[Step, ...] = ()
    sources: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    fingerprint: str = ""
    new: bool | None = None
    public: bool = False
    """The place is reached by a route without a login."""

    def json(self) -> dict[str, Any]:
        """The finding as plain JSON; the taint path is a list of objects."""
        return {
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "end_line": self.end_line or self.line,
            "column": self.column,
            "scope": self.scope,
            "cwe": self.cwe,
            "issue_type": self.issue_type,
            "severity": self.severity,
            "confidence": self.confidence,
            "message": self.message,
            "evidence": self.evidence,
            "taint_path": [
                {"file": step.file, "line": step.line, "note": step.note}
                for step in self.taint_path
            ],
            "sources": list(self.sources),
            "aliases": list(self.aliases),
            "fingerprint": self.fingerprint,
            "new": self.new,
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file (or part of the work) that was not fully analysed, and why, in words.

    reason: a word for machines (``syntax_error``, ``too_large``, ``binary``, ``secret_file``,
    ``limit``, ``tool_failed``, ``timeout``, ``unreadable``); detail: a sentence for people.
    """

    file: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding of a tool that the analysis disproved, and what disproved it."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool's part: how it went, how long it took in seconds, how many findings it gave."""

    name: str
    version: str
    status: ToolStatus
    seconds: float = 0.0
    findings: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer to one analysis. findings: ranked, the most pressing first."""

    kind: Kind
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    tools: tuple[ToolRun, ...] = ()
    files: int = 0
    lines: int = 0
    notes: tuple[str, ...] = ()
    """What the reader should know of the answer's limits, such as rules that could not run."""
    public_routes: tuple[str, ...] = ()
    """Routes that ask for no login, where the project has logins at all."""

    def counts(self) -> dict[str, Any]:
        """How many: in all, by severity, by issue type, per 1,000 lines."""
        severities = Counter(finding.severity for finding in self.findings)
        types = Counter(finding.issue_type for finding in self.findings)
        return {
            "total": len(self.findings),
            "severity": {name: severities[name] for name in SEVERITIES},
            "issue_type": {name: types[name] for name in ISSUE_TYPES if types[name]},
            "per_1000_lines": round(1000 * len(self.findings) / max(self.lines, 1), 2),
        }


class Cache(Protocol):
    """Keeps what a tool said of a file. Keys are hashes, values JSON documents."""

    def get(self, key: str) -> str | None:
        """The kept document, or None."""
        ...

    def put(self, key: str, value: str) -> None:
        """Keep a document; a cache may forget it at any time."""
        ...


Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

Files = Mapping[str, str]
"""Relative path with ``/`` -> text."""

Lines = Mapping[str, Sequence[tuple[int, int]]]
"""Relative path -> spans of changed lines, first and last, from 1."""
