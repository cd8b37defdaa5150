"""A finding's name for life.

The name follows the rule, the file, the enclosing function or class and the text of the line with
its white space evened out, then a number that tells equal lines of one scope apart. Line numbers
are left out on purpose: code above a finding grows and shrinks all the time.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from agents.code.model import Finding

_SPACE = re.compile(r"\s+")
DIGITS = 32


def normalised(line: str) -> str:
    """The line without indentation, its runs of white space as one blank."""
    return _SPACE.sub(" ", line).strip()


def digest(rule: str, file: str, scope: str, line: str) -> str:
    """What a finding is named by, without the number of its occurrence."""
    text = "\0".join((rule, file, scope, normalised(line)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def fingerprinted(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with their fingerprints, in their order.

    Equal lines of one scope are numbered from the top of the file, so that the first keeps its
    name when another is added below.
    """
    findings = list(findings)
    seen: Counter[str] = Counter()
    names: dict[int, str] = {}
    for number in sorted(range(len(findings)), key=lambda n: _place(findings[n])):
        finding = findings[number]
        key = digest(finding.rule, finding.file, finding.scope, finding.evidence)
        seen[key] += 1
        names[number] = f"{key}:{seen[key]}"
    return [replace(finding, fingerprint=names[n]) for n, finding in enumerate(findings)]


def _place(finding: Finding) -> tuple[str, int, int]:
    return finding.file, finding.line, finding.column
