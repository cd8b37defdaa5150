"""One verdict from many tools: aliases become one finding, disproved ones are set aside.

Where the interpretation saw a call and found no data from outside in it, a scanner that only
knows the call's name is overruled, and the reason is kept. Where it never came (a branch that
constants rule out), nothing there can happen. What two tools say of one line is one finding with
two sources.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from agents.code.model import CONFIDENCES, SEVERITIES, Finding, Suppressed
from agents.code.modules import Module, Project
from agents.code.taint.engine import Judged

FLOWS: Final = frozenset({
    "sql-injection", "command-injection", "code-injection", "path-traversal", "xss", "ssrf", "xxe",
    "unsafe-deserialization", "open-redirect", "template-injection",
})  # fmt: skip
"""Harm that needs data from outside: without it the call is harmless."""
DECIDED: Final = frozenset({
    "weak-hash", "weak-random", "weak-cipher", "weak-key", "hardcoded-secret",
    "insecure-temporary-file", "certificate-unchecked", "cleartext-transport", "debug-enabled",
    "loose-file-rights",
})  # fmt: skip
"""Patterns that the own rules know with their conditions: what those leave out is left out."""
NO_FLOW = "no data from outside reaches this call"
NOT_RUN = "this line is never reached"
NO_HARM = "the conditions of the rule do not hold here"
_LOOSE: Final = {"hardcoded-secret"}


def arbitrated(
    project: Project, judged: Judged, own: Iterable[Finding], others: Iterable[Finding]
) -> tuple[list[Finding], list[Suppressed]]:
    """The findings that stand, and those set aside with the reason.

    own: of the taint and project rules. others: of other tools.
    """
    standing: dict[tuple[str, str, int], Finding] = {}
    for finding in own:
        _add(standing, finding)
    suppressed: list[Suppressed] = []
    dead = {module.file: _dead(module, judged) for module in project.modules}
    starts: dict[str, dict[int, int]] = {}
    spans: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in standing.values():
        spans[finding.rule, finding.file].append(finding)
    for finding in others:
        module = project.by_file.get(finding.file)
        twin = _twin(spans[finding.rule, finding.file], finding)
        if twin is not None:
            key = (twin.rule, twin.file, twin.line)
            standing[key] = _merged(standing[key], finding)
            continue
        if module is None or finding.issue_type != "security":
            _add(standing, finding)
            continue
        if finding.file not in starts:
            starts[finding.file] = _starts(module)
        reason = _overruled(finding, module, judged, dead[finding.file], starts[finding.file])
        if reason:
            suppressed.append(Suppressed(finding, reason))
        else:
            _add(standing, finding)
    return list(standing.values()), suppressed


def _add(standing: dict[tuple[str, str, int], Finding], finding: Finding) -> None:
    key = (finding.rule, finding.file, finding.line)
    known = standing.get(key)
    standing[key] = _merged(known, finding) if known is not None else finding


def _merged(first: Finding, second: Finding) -> Finding:
    """One finding of two: the graver severity, the surer confidence, all sources."""
    severity = min(first.severity, second.severity, key=SEVERITIES.index)
    confidence = min(first.confidence, second.confidence, key=CONFIDENCES.index)
    aliases = dict.fromkeys((*first.aliases, *second.aliases))
    if second.rule != first.rule:
        aliases[second.rule] = None
    return replace(
        first,
        severity=severity
        if second.rule == first.rule and not first.taint_path
        else first.severity,
        confidence=confidence,
        sources=tuple(dict.fromkeys((*first.sources, *second.sources))),
        aliases=tuple(aliases),
        cwe=first.cwe if first.cwe is not None else second.cwe,
    )


def _twin(candidates: list[Finding], finding: Finding) -> Finding | None:
    """Our finding of the same rule whose statement the other one lies in."""
    for candidate in candidates:
        last = max(candidate.end_line, candidate.line)
        if candidate.line <= finding.line <= last or (
            finding.line <= candidate.line <= max(finding.end_line, finding.line)
        ):
            return candidate
    return None


def _overruled(
    finding: Finding,
    module: Module,
    judged: Judged,
    dead: set[int],
    starts: Mapping[int, int],
) -> str:
    """Why a security finding of another tool does not stand, "" where it does."""
    scope = module.scope_at(finding.line)
    if (module.file, scope) in judged.incomplete or (module.file, "") in judged.incomplete:
        return ""
    start = starts.get(finding.line, finding.line)
    if start in dead:
        return NOT_RUN
    if start not in judged.visited.get(module.file, set()):
        return ""
    if finding.rule in FLOWS:
        return NO_FLOW
    if finding.rule in DECIDED and "ruff" in finding.sources:
        return NO_HARM
    return ""


def _starts(module: Module) -> dict[int, int]:
    """Line -> first line of the innermost statement around it."""
    found: dict[int, int] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.stmt):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[line] = max(found.get(line, 0), node.lineno)
    return found


def _dead(module: Module, judged: Judged) -> set[int]:
    """First lines of statements that their interpreted function never reached."""
    seen = judged.visited.get(module.file, set())
    dead: set[int] = set()
    for place in module.places.values():
        node = place.node
        if isinstance(node, ast.ClassDef) or node.body[0].lineno not in seen:
            continue
        if (module.file, place.qualified) in judged.incomplete:
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.stmt) and inner is not node and inner.lineno not in seen:
                dead.add(inner.lineno)
    return dead
