"""The repairs that ruff itself calls safe, one finding at a time."""

from __future__ import annotations

import difflib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agents.code import tools
from agents.code.fix.edit import Source
from agents.code.gate.patch import Proposal

CODES = re.compile(r"[A-Z]{1,5}\d{2,4}")


def safe(source: Source) -> Iterator[Proposal]:
    """What ``ruff check --fix`` changes around the finding's line; other places stay."""
    code = next(
        (name for name in (source.finding.rule, *source.finding.aliases) if CODES.fullmatch(name)),
        None,
    )
    program = tools.installed("ruff")
    if code is None or program is None:
        return
    fixed = _fixed(program, code, source.text)
    if fixed is None or fixed == source.text:
        return
    old, new = source.text.split("\n"), fixed.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    first, last = source.finding.line, max(source.finding.end_line, source.finding.line)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal" or not (i + 1 <= last and j >= first):
            continue
        start = source.at(i + 1, 0)
        end = source.at(j, 0) + len(old[j - 1]) + 1 if j > i else start
        text = "".join(f"{line}\n" for line in new[k:m])
        yield source.proposal(
            f"ruff:{code}",
            [(start, min(end, len(source.text)), text)],
            "A repair ruff calls safe.",
        )
        return


def _fixed(program: Path, code: str, text: str) -> str | None:
    with tempfile.TemporaryDirectory(prefix="fix-") as folder:
        target = Path(folder, "module.py")
        target.write_text(text, encoding="utf-8", newline="\n")
        minor = f"py3{sys.version_info.minor}"
        command: list[str | Path] = [
            program,
            "check",
            "--isolated",
            "--no-cache",
            "--quiet",
            "--fix",
            "--exit-zero",
        ]
        try:
            tools.execute(
                [*command, "--target-version", minor, "--select", code, target], Path(folder)
            )
        except tools.ToolFailed:
            return None
        return target.read_text(encoding="utf-8")
