"""A report for people: the worst first, each with its place, its way and its repair."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from agents.code.model import SEVERITIES
from agents.code.report.model import Report
from agents.code.results import Shown

AT_LENGTH = 5
"""How many are shown with their way and their repair; the rest take a line each."""
MOST_SKIPPED = 10


def write(report: Report) -> str:
    """Paragraphs; the last line sums up."""
    items = report.fresh
    parts = [_at_length(item) for item in items[:AT_LENGTH]]
    if items[AT_LENGTH:]:
        parts.append("".join(_line(item) for item in items[AT_LENGTH:]))
    if report.analysis.skipped:
        parts.append(_skipped(report))
    if report.analysis.notes:
        parts.append("".join(f"note: {note}\n" for note in report.analysis.notes))
    parts.append(summary(report) + "\n")
    return "\n".join(parts)


def summary(report: Report) -> str:
    """One line: how many of which severity, in how much code, in how long."""
    counts = Counter(item.severity for item in report.fresh)
    told = ", ".join(f"{counts[word]} {word}" for word in SEVERITIES if counts[word])
    kind = "new findings" if report.compared else "findings"
    old = len(report.findings) - len(report.fresh)
    known = f" ({old} known ones not shown)" if old else ""
    gone = f", {len(report.absent)} gone" if report.absent else ""
    many = "1 file" if report.analysis.files == 1 else f"{report.analysis.files} files"
    where = f"{many}, {report.analysis.lines:,} lines"
    what = f"{len(report.fresh)} {kind}{': ' + told if told else ''}{known}{gone}"
    return f"{what} in {where}, {report.seconds:.1f} s"


def _line(item: Shown) -> str:
    finding = item.finding
    cwe = f" CWE-{finding.cwe}" if finding.cwe is not None else ""
    return (
        f"{finding.file}:{finding.line}: {finding.severity} {finding.rule}{cwe}"
        f" ({finding.confidence}): {item.message}\n"
    )


def _at_length(item: Shown) -> str:
    lines = [_line(item)]
    if item.code:
        lines.append(f"    {item.code}\n")
    for number, step in enumerate(item.steps, 1):
        lines.append(f"    {number}. {step['file']}:{step['line']} {step['note']}\n")
    if item.explanation:
        lines.append(f"    {item.explanation}\n")
    if item.diff:
        lines += [f"    {line}\n" for line in item.diff.splitlines()]
    elif item.gate is not None:
        lines.append(f"    no repair passed the gate: {item.gate.get('reason', '')}\n")
    return "".join(lines)


def _skipped(report: Report) -> str:
    skipped = sorted(report.analysis.skipped, key=lambda item: (item.reason, item.file))
    lines = [f"not analysed, or not in full: {len(skipped)}\n"]
    for reason, group in groupby(skipped, key=lambda item: item.reason):
        items = list(group)
        lines += [f"    {item.file}: {reason}: {item.detail}\n" for item in items[:MOST_SKIPPED]]
        if len(items) > MOST_SKIPPED:
            lines.append(f"    … and {len(items) - MOST_SKIPPED} more: {reason}\n")
    return "".join(lines)
