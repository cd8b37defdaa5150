"""All conditions in order, the cheap ones first, and the verdict."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from agents.code import secrets
from agents.code.gate import patch, python_checks, script_checks
from agents.code.gate.inline import inlined
from agents.code.gate.patch import MOST_LINES, Proposal, Refused
from agents.code.model import Analysis, Finding

Rescan = Callable[[Mapping[str, str]], Analysis]
"""Analyses the project again, in the same way as the first time."""
Tests = Callable[[str, str], str | None]
"""Runs the project's tests with this file in its new form; returns why they failed, or None."""

SCRIPT = frozenset({".js", ".mjs", ".cjs", ".jsx"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. reason: a word, "" when accepted; after: the changed file's text."""

    accepted: bool
    reason: str = ""
    detail: str = ""
    diff: str = ""
    after: str = ""
    base_blob: str = ""
    tests_run: bool = False

    def json(self) -> dict[str, Any]:
        """What is kept beside a suggestion."""
        told: dict[str, Any] = {"accepted": self.accepted, "tests_run": self.tests_run}
        if not self.accepted:
            told |= {"reason": self.reason, "detail": self.detail}
        return told


def judge(
    proposal: Proposal,
    finding: Finding,
    files: Mapping[str, str],
    before: Analysis,
    rescan: Rescan,
    tests: Tests | None = None,
) -> Verdict:
    """Let a proposal through all conditions; the first that fails is the reason.

    files: the whole project as it was analysed; before: what the analysis said of it.
    """
    try:
        text, after, diff = _applied(proposal, finding, files)
        _characters(text, after)
        _secrets(text, after, proposal.file)
        suffix = PurePosixPath(proposal.file).suffix
        if suffix == ".py":
            python_checks.check(finding, text, after, files)
        elif suffix in SCRIPT:
            script_checks.check(finding, text, after)
        else:
            raise Refused("unsupported", f"changes to {suffix or 'such'} files cannot be checked")
        _scanned(finding, before, rescan({**files, proposal.file: after}))
        if suffix == ".py":
            _not_hidden(finding, before, rescan({**files, proposal.file: inlined(after)}))
        if tests is not None and (failure := tests(proposal.file, after)) is not None:
            raise Refused("tests_failed", failure)
    except Refused as refused:
        return Verdict(False, refused.reason, refused.detail)
    return Verdict(
        True, diff=diff, after=after, base_blob=git_blob(text), tests_run=tests is not None
    )


def git_blob(text: str) -> str:
    """The name git gives a file of this content."""
    data = text.encode("utf-8", "surrogatepass")
    head = b"blob %d\0" % len(data)
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


def _applied(
    proposal: Proposal, finding: Finding, files: Mapping[str, str]
) -> tuple[str, str, str]:
    if proposal.file != finding.file or proposal.file not in files:
        raise Refused("other_file", f"{proposal.file[:200]} is not the file of the finding")
    if ".." in PurePosixPath(proposal.file).parts or proposal.file.startswith("/"):
        raise Refused("other_file", f"{proposal.file[:200]} leaves the project")
    text = files[proposal.file]
    after = patch.patched(text, proposal)
    if after == text:
        raise Refused("no_change", "the file stays as it is")
    _line_ends(text, after)
    diff = patch.unified(proposal.file, text, after)
    changed = sum(
        line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- "))
        for line in diff.splitlines()
    )
    if changed > MOST_LINES:
        raise Refused("too_large", f"{changed} lines change; {MOST_LINES} at most may")
    if patch.apply(text, diff) != after:
        raise Refused("does_not_apply", "the diff does not give the changed file")
    if patch.git_takes(proposal.file, text, diff) is False:
        raise Refused("does_not_apply", "git apply --check refuses the diff")
    return text, after, diff


def _line_ends(before: str, after: str) -> None:
    if after.count("\r") > before.count("\r"):
        raise Refused("line_ends", "carriage returns are added")
    if _tabbed(after) > _tabbed(before) and _tabbed(before) == 0:
        raise Refused("tabs", "lines are indented by tabs in a file that has none")


def _tabbed(text: str) -> int:
    return sum("\t" in line[: len(line) - len(line.lstrip())] for line in text.split("\n"))


def _characters(before: str, after: str) -> None:
    """No letters that pose as others, and none that cannot be seen."""
    for character in set(after) - set(before):
        if character.isascii():
            if not (character.isprintable() or character in "\n\t"):
                raise Refused("characters", f"U+{ord(character):04X} is added")
            continue
        kind = unicodedata.category(character)
        latin = unicodedata.name(character, "").startswith("LATIN ")
        wide = unicodedata.normalize("NFKC", character) != character
        if kind[0] == "C" or (kind[0] == "L" and not latin) or (wide and kind[0] in "LNP"):
            raise Refused("characters", f"U+{ord(character):04X} is added")


def _secrets(before: str, after: str, path: str) -> None:
    def held(text: str) -> set[str]:
        return {text[span.start : span.end] for span in secrets.find(text, path)}

    if fresh := held(after) - held(before):
        raise Refused("secret", f"{len(fresh)} texts that look like secrets are added")


def _scanned(finding: Finding, before: Analysis, after: Analysis) -> None:
    """The finding is gone, and no scope has more findings of any rule than it had."""
    skipped = {item.file for item in after.skipped} - {item.file for item in before.skipped}
    if finding.file in skipped:
        raise Refused("not_analysed", f"{finding.file} can no longer be analysed")
    if any(other.fingerprint == finding.fingerprint for other in after.findings):
        raise Refused("still_found", f"{finding.rule} is still found")
    old, new = _by_scope(before), _by_scope(after)
    for key, count in new.items():
        rule, file, scope = key
        allowed = old[key] - (key == (finding.rule, finding.file, finding.scope))
        if count > max(allowed, 0):
            same = rule == finding.rule and file == finding.file
            word = "still_found" if same else "new_finding"
            raise Refused(word, f"{rule} is found in {scope or file}")


def _not_hidden(finding: Finding, before: Analysis, after: Analysis) -> None:
    """With variables put back, the finding's rule is found less often than before."""

    def count(analysis: Analysis) -> int:
        return sum(
            (other.rule, other.file, other.scope) == (finding.rule, finding.file, finding.scope)
            for other in analysis.findings
        )

    if count(after) >= count(before):
        raise Refused("still_found", f"{finding.rule} is found again behind a variable")


def _by_scope(analysis: Analysis) -> Counter[tuple[str, str, str]]:
    return Counter((found.rule, found.file, found.scope) for found in analysis.findings)
