"""Would it have found your last bugs? Replays commits: what was found in the parent, and is gone.

A finding counts as caught when its rule is found less often in its function after the commit than
before, in a file that the commit changed. Trees come from git's own objects; what two commits have
in common is analysed once.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from agents.code import collect
from agents.code.analyse import analyse
from agents.code.history import History, Step
from agents.code.model import Analysis, Finding, Progress
from agents.code.secrets import mask
from agents.code.workshop import Memory


@dataclass(frozen=True, slots=True)
class Replayed:
    """One commit and what of its parent it mended."""

    step: Step
    caught: tuple[Finding, ...]


@dataclass(slots=True)
class Replay:
    commits: list[Replayed] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def caught(self) -> int:
        """How many commits mended something that would have been found before."""
        return sum(bool(one.caught) for one in self.commits)


def replay(folder: Path, *, limit: int, grep: str = "", told: Progress | None = None) -> Replay:
    """Go through the last commits below a folder, newest first. Raises Refused."""
    begun = time.monotonic()
    history, cache = History(folder), Memory()
    analysed: dict[str, Analysis] = {}
    place = history.within(folder)

    def of(commit: str) -> Analysis:
        if commit not in analysed:
            found = collect.tree(history.tree(commit, place))
            analysed[commit] = analyse(found.files, kind="directory", cache=cache)
        return analysed[commit]

    replayed = Replay()
    try:
        steps = [
            step for step in history.steps(limit=limit, grep=grep, within=place) if step.parent
        ]
        for number, step in enumerate(steps):
            if told is not None:
                told("commits", number, len(steps))
            assert step.parent is not None
            spans, gone = history.changed(step.parent, step.commit, place)
            caught = mended(of(step.parent), of(step.commit), {*spans, *gone})
            replayed.commits.append(Replayed(step, caught))
            analysed = {name: analysed[name] for name in (step.parent, step.commit)}
    finally:
        history.close()
    replayed.seconds = time.monotonic() - begun
    return replayed


def mended(before: Analysis, after: Analysis, changed: set[str]) -> tuple[Finding, ...]:
    """Findings of changed files that are gone, by rule and function."""
    left = Counter((found.rule, found.file, found.scope) for found in after.findings)
    kept: list[Finding] = []
    still = {found.fingerprint for found in after.findings}
    for found in before.findings:
        key = (found.rule, found.file, found.scope)
        if found.file not in changed or found.fingerprint in still:
            continue
        if left[key] > sum(other.fingerprint in still and _key(other) == key
                           for other in before.findings):  # fmt: skip
            left[key] -= 1  # the same thing in other words
            continue
        kept.append(found)
    return tuple(kept)


def _key(found: Finding) -> tuple[str, str, str]:
    return found.rule, found.file, found.scope


def as_text(replayed: Replay) -> str:
    lines = []
    for one in replayed.commits:
        mark = "caught" if one.caught else "-"
        lines.append(f"{one.step.commit[:10]} {mark:6} {mask(one.step.subject)}\n")
        lines += [
            f"           {found.severity} {found.rule} {found.file}:{found.line}"
            f" {mask(found.message)}\n"
            for found in one.caught[:5]
        ]
    rules = Counter(found.rule for one in replayed.commits for found in one.caught)
    told = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(10))
    lines.append(
        f"\n{replayed.caught} of {len(replayed.commits)} commits mended something that was found"
        f" in their parent, in {replayed.seconds:.1f} s{': ' + told if told else ''}\n"
    )
    return "".join(lines)


def as_json(replayed: Replay) -> str:
    commits = [
        {
            "commit": one.step.commit,
            "subject": mask(one.step.subject),
            "caught": [
                {
                    "file": found.file,
                    "line": found.line,
                    "rule": found.rule,
                    "cwe": found.cwe,
                    "severity": found.severity,
                    "message": mask(found.message),
                    "fingerprint": found.fingerprint,
                }
                for found in one.caught
            ],
        }
        for one in replayed.commits
    ]
    document = {"commits": commits, "caught": replayed.caught, "total": len(commits)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
