"""Repairs of the code reviewer: what its rules mend, and what its gate lets through."""

from __future__ import annotations

from collections.abc import Mapping

from agents.code.analyse import analyse
from agents.code.fix import propose
from agents.code.gate import judge
from agents.code.model import Analysis, IssueType
from agents.code.workshop import Memory
from tests.eval.report import Line
from tests.kit.mendable import cases
from tests.kit.planted_patches import BAD, PROJECT

TYPES: frozenset[IssueType] = frozenset({"bug", "security", "performance", "error", "style"})


def lines() -> list[Line]:
    """How many findings rules mend, and how many planted bad patches pass."""
    memory = Memory()

    def scan(files: Mapping[str, str]) -> Analysis:
        return analyse(files, kind="files", cache=memory, types=TYPES)

    tried = mended = 0
    for case in cases():
        before = scan(case.files)
        tried += 1
        found = [one for one in before.findings if case.rule in {one.rule, *one.aliases}]
        mended += any(
            judge(proposal, found[0], case.files, before, scan).accepted
            for proposal in (propose(found[0], case.files[case.file]) if found else ())
        )
    before = scan(PROJECT)
    [finding] = [one for one in before.findings if one.rule == "sql-injection"]
    passed = sum(
        judge(bad.proposal(), finding, PROJECT, before, scan).accepted for bad in BAD.values()
    )
    return [
        Line.least(f"share of {tried} findings that rules mend", mended / max(tried, 1), 1.0),
        Line.most(f"of {len(BAD)} bad patches, passed the gate", passed, 0),
    ]
