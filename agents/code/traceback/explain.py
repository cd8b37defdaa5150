"""What went wrong, where and why, in words: from the trace, its source and the findings there.

Everything here is deterministic. Messages are data of strangers: they are quoted, never obeyed,
and the caller masks the text before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.code.model import Finding
from agents.code.traceback.frames import Frame, Problem, Trace
from agents.code.traceback.known import KnownError, recognise

CONTEXT_LINES = 3
MOST_RELATED = 5


@dataclass(frozen=True, slots=True)
class Explained:
    """An error, explained.

    root_cause: a sentence; culprit: the own frame where it happened, or None; source: the lines
    around it, numbered, "" without the file; related: findings at the same place, best first.
    """

    trace: Trace
    root_cause: str
    culprit: Frame | None
    known: KnownError | None
    source: str
    related: tuple[Finding, ...]

    def text(self) -> str:
        """The whole as a paragraph for people."""
        parts = [self.root_cause]
        if self.culprit is not None:
            parts.append(f"It happened {where(self.culprit)}.")
        final = self.trace.final
        if final is not self.trace.root:
            parts.append(f"It surfaced as {said(final)}.")
        if self.known is not None:
            parts += [self.known.cause, f"Cure: {self.known.cure}"]
        elif self.culprit is not None:
            parts.append(
                "This is none of the well-known errors; start at that line, with the values that"
                " reach it."
            )
        for finding in self.related[:2]:
            parts.append(f"The analysis found there: {finding.message} ({finding.rule}).")
        return " ".join(parts)

    def json(self) -> dict[str, Any]:
        """root_cause, culprit, known_error, related and fingerprint, as plain JSON."""
        return {
            "root_cause": self.root_cause,
            "culprit": None
            if self.culprit is None
            else {
                "file": self.culprit.file,
                "line": self.culprit.line,
                "function": self.culprit.function,
                "code": self.culprit.code,
                "source": self.source,
            },
            "known_error": None
            if self.known is None
            else {"id": self.known.id, "cause": self.known.cause, "cure": self.known.cure},
            "chain": [
                {"type": problem.type, "message": problem.message, "relation": problem.relation}
                for problem in self.trace.problems
            ],
            "request": self.trace.request,
            "fingerprint": self.trace.fingerprint,
            "related": [finding.fingerprint for finding in self.related],
        }


def explain(
    trace: Trace, files: Mapping[str, str] | None = None, findings: Sequence[Finding] = ()
) -> Explained:
    """Explain a trace. files: source by path, as far as it is at hand; findings: what an analysis
    of these files said."""
    source = dict(files or {})
    placed = trace.placed(source)
    culprit = placed.culprit
    known = recognise(placed)
    return Explained(
        placed,
        f"{said(placed.root).rstrip('.')}{_in_request(placed)}.",
        culprit,
        known,
        _around(culprit, source),
        _related(culprit, known, findings),
    )


def said(problem: Problem) -> str:
    """The exception's line, shortened to its first; of a failed validation the first fault too."""
    first, *more = (line.strip() for line in problem.message.split("\n"))
    if len(more) > 1 and re.match(r"\d+ validation errors? for", first):
        first = f"{first}: {more[0]}: {more[1]}"  # the field, and what is wrong with it
    first = first[:300]
    return f"{problem.name}: {first}" if first else problem.name


def where(frame: Frame) -> str:
    """``in f(), file.py line 3: `code```."""
    line = f" line {frame.line}" if frame.line else ""
    code = f": `{frame.code[:160]}`" if frame.code else ""
    function = "at module level of" if frame.function == "<module>" else f"in {frame.function}(),"
    repeated = f" (called itself {frame.repeated} times)" if frame.repeated else ""
    return f"{function} {frame.file}{line}{code}{repeated}"


def _in_request(trace: Trace) -> str:
    return f" (while answering {trace.request})" if trace.request else ""


def _around(frame: Frame | None, files: Mapping[str, str]) -> str:
    if frame is None or frame.line is None or frame.file not in files:
        return ""
    lines = files[frame.file].splitlines()
    first = max(1, frame.line - CONTEXT_LINES)
    shown = enumerate(lines[first - 1 : frame.line + CONTEXT_LINES], first)
    return "\n".join(
        f"{'>' if number == frame.line else ' '} {number:4} {text[:200]}" for number, text in shown
    )


def _related(
    frame: Frame | None, known: KnownError | None, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Findings at the culprit: the same line first, then the known error's rules, then the
    function."""
    if frame is None:
        return ()
    scored: list[tuple[int, int, Finding]] = []
    for place, finding in enumerate(findings):
        if finding.file != frame.file:
            continue
        end = finding.end_line or finding.line
        same_line = frame.line is not None and finding.line <= frame.line <= end
        names = {finding.rule, *finding.aliases}
        same_thing = known is not None and bool(names & set(known.rules))
        same_scope = re.split(r"[.]", finding.scope)[-1] == frame.function.rsplit(".", 1)[-1]
        if same_line or (same_scope and bool(finding.scope)):
            scored.append((4 * same_line + 2 * same_thing + same_scope, -place, finding))
    scored.sort(key=lambda item: (-item[0], -item[1]))
    return tuple(finding for _, _, finding in scored[:MOST_RELATED])
