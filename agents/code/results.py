"""Findings and proposals as others see them: plain JSON, in which no secret is left.

Everything that leaves the analysis (results, rows, reports, questions to a model) is made here, of
masked text. `code` is the finding's line; `diff` is a proposal that passed the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from agents.code.gate import Proposal, Verdict, unified
from agents.code.model import SEVERITIES, Finding, Severity
from agents.code.secrets import PLACEHOLDER, Mask
from agents.code.taint.rules import RULES

MOST_CODE = 400
"""Characters of a line that are shown."""
CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Proposed:
    """A finding's proposal and what the gate said of it; cost_usd: what a model took for it."""

    proposal: Proposal
    verdict: Verdict
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding without secrets, with its proposal. existing, replacement, diff: "" without one.

    A proposal that would show a secret keeps its words and loses its text: nobody could apply a
    placeholder.
    """

    finding: Finding
    message: str
    code: str
    snippet: str
    steps: tuple[dict[str, Any], ...]
    explanation: str = ""
    fixer: str = ""
    existing: str = ""
    replacement: str = ""
    diff: str = ""
    edit: tuple[int, int, str] | None = None
    """First and last line that change, and the lines that come there."""
    gate: Mapping[str, Any] | None = None
    base_blob: str = ""
    cost_usd: float | None = None

    @property
    def severity(self) -> Severity:
        return self.finding.severity

    def json(self) -> dict[str, Any]:
        """The finding with all its keys; `diff`, `fixer` and `gate` where there is a proposal."""
        finding = self.finding
        told: dict[str, Any] = {
            "file": finding.file,
            "line": finding.line,
            "end_line": finding.end_line or finding.line,
            "column": finding.column,
            "rule": finding.rule,
            "cwe": finding.cwe,
            "issue_type": finding.issue_type,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "message": self.message,
            "code": self.code,
            "scope": finding.scope,
            "fingerprint": finding.fingerprint,
            "new": finding.new,
            "sources": list(finding.sources),
            "aliases": list(finding.aliases),
            "taint_path": list(self.steps),
        }
        if self.explanation:
            told["explanation"] = self.explanation
        if self.gate is not None:
            told |= {"fixer": self.fixer, "gate": dict(self.gate)}
        if self.diff:
            told["diff"] = self.diff
        return told


def shown(
    findings: Sequence[Finding],
    files: Mapping[str, str],
    mask: Mask,
    proposed: Mapping[str, Proposed] | None = None,
) -> list[Shown]:
    """The findings without secrets, in their order. proposed: by fingerprint."""
    for path in dict.fromkeys(finding.file for finding in findings):
        if path in files:
            mask.learn(files[path], path)
    return [
        _shown(finding, files, mask, (proposed or {}).get(finding.fingerprint))
        for finding in findings
    ]


def _message(finding: Finding, files: Mapping[str, str], mask: Mask) -> str:
    """What is wrong, masked but for our own words and names of files.

    Somewhere in a project "signature" is a password: "a signature is not checked" stays readable.
    """
    rule = RULES.get(finding.rule)
    if rule is not None and finding.message == rule.message:
        return finding.message
    pieces: list[str] = []
    for is_file, words in groupby(finding.message.split(" "), key=files.__contains__):
        part = " ".join(words)
        pieces.append(part if is_file else mask.text(part))
    return " ".join(pieces)


def _shown(
    finding: Finding, files: Mapping[str, str], mask: Mask, proposed: Proposed | None
) -> Shown:
    text = files.get(finding.file, "")
    base = Shown(
        finding,
        _message(finding, files, mask),
        mask.text(finding.evidence.strip(), finding.file)[:MOST_CODE],
        _snippet(finding, text, mask),
        tuple(
            {"file": step.file, "line": step.line, "note": mask.text(step.note)}
            for step in finding.taint_path
        ),
    )
    if proposed is None:
        return base
    proposal, verdict = proposed.proposal, proposed.verdict
    existing = mask.text(proposal.existing_code, finding.file)
    replacement = mask.text(proposal.replacement_code, finding.file)
    held = PLACEHOLDER.search(existing + replacement) is not None
    diff = _diff(finding.file, text, verdict.after, mask) if verdict.accepted else ""
    useful = verdict.accepted and not held
    return Shown(
        base.finding,
        base.message,
        base.code,
        base.snippet,
        base.steps,
        mask.text(proposal.explanation),
        proposal.fixer,
        existing if verdict.accepted else "",
        replacement if verdict.accepted else "",
        diff,
        _edit(text, verdict.after) if useful else None,
        verdict.json(),
        verdict.base_blob,
        proposed.cost_usd,
    )


def _snippet(finding: Finding, text: str, mask: Mask) -> str:
    """The finding's lines with two before and after, masked."""
    if not text:
        return mask.text(finding.evidence, finding.file)[:MOST_CODE]
    lines = text.split("\n")
    first = max(0, finding.line - 1 - CONTEXT_LINES)
    last = min(len(lines), max(finding.end_line, finding.line) + CONTEXT_LINES, first + 12)
    part = "\n".join(line[:MOST_CODE] for line in lines[first:last])
    return mask.text(part, finding.file)


def _edit(before: str, after: str) -> tuple[int, int, str] | None:
    """The one region of lines that changes: first line, last line, what comes there."""
    old, new = before.split("\n"), after.split("\n")
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    first, last = start + 1, len(old) - end
    if last < first:
        # Nothing goes: the line before takes the new ones along.
        if start == 0:
            return 1, 1, "\n".join([*new[: len(new) - end], old[0]])
        first, start = first - 1, start - 1
        last = first
    return first, last, "\n".join(new[start : len(new) - end])


def at_least(severity: Severity, limit: str) -> bool:
    """Whether a severity is as bad as a limit, or worse. ``never``: none is."""
    if limit == "never":
        return False
    return SEVERITIES.index(severity) <= [*SEVERITIES].index(limit)  # type: ignore[arg-type]


def _diff(path: str, before: str, after: str, mask: Mask) -> str:
    """A unified diff without secrets; with less context where one stands nearby, since a
    placeholder would keep it from applying."""
    masked = ""
    for context in (3, 2, 1):
        diff = unified(path, before, after, context)
        names, hunks = diff[: diff.find("@@")], diff[max(diff.find("@@"), 0) :]
        # A file's name is told beside the finding, and a patch without it applies to nothing.
        masked = names + mask.text(hunks, path)
        if masked == diff:
            break
    return masked
